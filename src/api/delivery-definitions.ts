/** What the figures mean, in the words in which they are shown. */
export const DELIVERY_DEFINITIONS = {
  deployments: 'Releases with code (shipped or promoted) that went live in the environment.',
  leadTime:
    'From the commit to the release being live. Where the commit’s time is not known, from the first release of the same artifact anywhere. The median: half took longer.',
  failures:
    'Share of releases that were rolled out and either failed, or were followed by a rollback within an hour of going live.',
} as const
