/** Kinds of events that belong together; a noun without a dot stands for all of its kinds. */
export const TOPICS = {
  /** What may change how an app behaves for whoever uses it. */
  customers: [
    ...['release.created', 'rollout.live', 'rollout.failed', 'rollout.aborted', 'config.changed'],
    ...[
      'process.scaled',
      'process.restarted',
      'maintenance',
      'domain',
      'space.swapped',
      'space.swap-ended',
      'drift',
    ],
  ],
  /** What came into environments, and how that went. */
  deliveries: ['release', 'rollout'],
  /** What is different afterwards, without the steps on the way, and without who came and went. */
  changes: [
    ...['rollout.live', 'rollout.failed', 'rollout.aborted', 'build.failed', 'ship.failed', 'config.changed'],
    ...[
      'process.scaled',
      'process.restarted',
      'maintenance',
      'drift',
      'domain',
      'app',
      'environment',
      'need',
      'drain',
    ],
    ...['space.created', 'space.app-failed', 'space.swapped', 'space.swap-ended', 'space.removed'],
    ...['person', 'team', 'key', 'platform'],
  ],
} as const
