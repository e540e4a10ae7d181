/**
 * What Node is started with where requests pass through it. Hop after hop makes the same short-lived objects; V8 takes
 * some of them for long-lived after a burst and then keeps whatever they refer to until its next full collection. That
 * alone cost a third of a request (docs/decisions/0010-what-node-is-told-where-requests-pass.md).
 */
export const ROUTER_FLAGS: readonly string[] = [
  '--no-allocation-site-pretenuring',
  // Megabytes; what is under way at once fits well, and a runner at rest stays small.
  '--max-semi-space-size=4',
]
