/**
 * How requests for an app are shared between its sets. The first rule that matches and has not ended decides; the
 * last rule has no match. Read by the platform that writes it, the engines that carry it and the router that obeys.
 */
export interface SplitRule {
  match?: { space: string }
  /** Set id to weight; relative, whole numbers, 0 allowed. No key: nobody is served. */
  weights: Record<string, number>
  /** The same value of this cookie or header always meets the same set while the weights stay as they are. */
  sticky?: { cookie: string } | { header: string }
  /** Milliseconds since the epoch; the router itself ends the rule then. */
  until?: number
  /** Requests wait for a set to come up rather than fail. */
  hold?: boolean
}
