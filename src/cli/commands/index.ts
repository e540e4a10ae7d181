/** The command tree, with what `tow --help` needs; each command's file is loaded only when it is called. */
import type { Command } from '../command.ts'

export interface CommandEntry {
  /** `ship`, or `config set`; the file is commands/<path with />.ts, or …/index.ts for a topic of its own. */
  path: string
  summary: string
  group: string
  load: () => Promise<{ command: Command }>
}

const SHIP = 'Ship'
const SPACES = 'Spaces'
const RUN = 'See and run'
const CONFIGURE = 'Configure'
const PEOPLE = 'People'
const PLATFORM = 'The platform'

export const COMMANDS: readonly CommandEntry[] = [
  {
    path: 'ship',
    group: SHIP,
    summary: 'Build what is in this folder and make it live',
    load: () => import('./ship.ts'),
  },
  {
    path: 'dev',
    group: SPACES,
    summary: 'Run this folder in your space, and make every save live there',
    load: () => import('./dev.ts'),
  },
  {
    path: 'git remote',
    group: SHIP,
    summary: 'Add the remote to which git push tow main ships',
    load: () => import('./git/remote.ts'),
  },
  {
    path: 'git branches',
    group: SHIP,
    summary: 'Branches that were pushed, whether they were shipped or not',
    load: () => import('./git/branches.ts'),
  },
  {
    path: 'git ship',
    group: SHIP,
    summary: 'Ship a branch that was pushed, from anywhere',
    load: () => import('./git/ship.ts'),
  },
  {
    path: 'git credential',
    group: SHIP,
    summary: 'Hand the token to Git, when it asks for it',
    load: () => import('./git/credential.ts'),
  },
  {
    path: 'promote',
    group: SHIP,
    summary: 'Move the same artifact to the next environment',
    load: () => import('./promote.ts'),
  },
  {
    path: 'rollback',
    group: SHIP,
    summary: 'Go back to an earlier release',
    load: () => import('./rollback.ts'),
  },
  {
    path: 'releases',
    group: SHIP,
    summary: 'List releases, or show one',
    load: () => import('./releases/index.ts'),
  },
  {
    path: 'releases diff',
    group: SHIP,
    summary: 'What differs between two releases',
    load: () => import('./releases/diff.ts'),
  },
  {
    path: 'rollout',
    group: SHIP,
    summary: 'The rollout under way, or the last one',
    load: () => import('./rollout/index.ts'),
  },
  {
    path: 'rollout abort',
    group: SHIP,
    summary: 'Give a rollout up; the old release goes on serving',
    load: () => import('./rollout/abort.ts'),
  },
  {
    path: 'rollout retry',
    group: SHIP,
    summary: 'Roll the same release out again',
    load: () => import('./rollout/retry.ts'),
  },
  { path: 'builds', group: SHIP, summary: 'List builds', load: () => import('./builds/index.ts') },
  { path: 'builds log', group: SHIP, summary: 'What a build wrote', load: () => import('./builds/log.ts') },
  { path: 'builds cancel', group: SHIP, summary: 'End a build', load: () => import('./builds/cancel.ts') },
  {
    path: 'spaces',
    group: SPACES,
    summary: 'Spaces: who has what over which environment',
    load: () => import('./spaces/index.ts'),
  },
  {
    path: 'spaces show',
    group: SPACES,
    summary: 'One space: what is in it, how it fares, its links',
    load: () => import('./spaces/show.ts'),
  },
  {
    path: 'spaces plan',
    group: SPACES,
    summary: 'What of a space differs from the environment below',
    load: () => import('./spaces/plan.ts'),
  },
  {
    path: 'spaces extend',
    group: SPACES,
    summary: 'Let a space last longer',
    load: () => import('./spaces/extend.ts'),
  },
  {
    path: 'spaces stop',
    group: SPACES,
    summary: 'Stop apps of a space; it stays',
    load: () => import('./spaces/stop.ts'),
  },
  {
    path: 'spaces start',
    group: SPACES,
    summary: 'Start them again as they were',
    load: () => import('./spaces/start.ts'),
  },
  {
    path: 'spaces remove',
    group: SPACES,
    summary: 'Remove a space with everything in it',
    load: () => import('./spaces/remove.ts'),
  },
  {
    path: 'spaces swap',
    group: SPACES,
    summary: 'Take the environment’s whole traffic for an app',
    load: () => import('./spaces/swap.ts'),
  },
  {
    path: 'spaces unswap',
    group: SPACES,
    summary: 'Give it back',
    load: () => import('./spaces/unswap.ts'),
  },
  {
    path: 'spaces invite',
    group: SPACES,
    summary: 'A link that lets somebody into a space',
    load: () => import('./spaces/invite.ts'),
  },
  {
    path: 'spaces invitations',
    group: SPACES,
    summary: 'Who was invited into a space',
    load: () => import('./spaces/invitations.ts'),
  },
  {
    path: 'spaces uninvite',
    group: SPACES,
    summary: 'End an invitation',
    load: () => import('./spaces/uninvite.ts'),
  },
  { path: 'apps', group: RUN, summary: 'Every app, by environment', load: () => import('./apps/index.ts') },
  {
    path: 'apps remove',
    group: RUN,
    summary: 'Stop an app everywhere and forget it',
    load: () => import('./apps/remove.ts'),
  },
  {
    path: 'apps owner',
    group: RUN,
    summary: 'Which team an app belongs to, or give it to another',
    load: () => import('./apps/owner.ts'),
  },
  { path: 'open', group: RUN, summary: 'Open an app in the browser', load: () => import('./open.ts') },
  { path: 'why', group: RUN, summary: 'Why an app is in the state it is in', load: () => import('./why.ts') },
  { path: 'ps', group: RUN, summary: 'What runs', load: () => import('./ps.ts') },
  { path: 'logs', group: RUN, summary: 'What apps wrote', load: () => import('./logs.ts') },
  { path: 'events', group: RUN, summary: 'Who did what, when and why', load: () => import('./events.ts') },
  {
    path: 'run',
    group: RUN,
    summary: 'Run a command in a process of the live release',
    load: () => import('./run.ts'),
  },
  {
    path: 'scale',
    group: RUN,
    summary: 'Show or set how many processes run',
    load: () => import('./scale.ts'),
  },
  {
    path: 'restart',
    group: RUN,
    summary: 'Replace the running processes, one at a time',
    load: () => import('./restart.ts'),
  },
  {
    path: 'maintenance',
    group: RUN,
    summary: 'Whether an app is closed to the outside',
    load: () => import('./maintenance/index.ts'),
  },
  {
    path: 'maintenance on',
    group: RUN,
    summary: 'Close an app to the outside, with a sentence for visitors',
    load: () => import('./maintenance/on.ts'),
  },
  {
    path: 'maintenance off',
    group: RUN,
    summary: 'Open it again',
    load: () => import('./maintenance/off.ts'),
  },
  { path: 'psql', group: RUN, summary: 'Open an app’s database', load: () => import('./psql.ts') },
  {
    path: 'config',
    group: CONFIGURE,
    summary: 'What an app finds in its environment',
    load: () => import('./config/index.ts'),
  },
  {
    path: 'config set',
    group: CONFIGURE,
    summary: 'Set keys; makes a release',
    load: () => import('./config/set.ts'),
  },
  {
    path: 'config unset',
    group: CONFIGURE,
    summary: 'Unset keys; makes a release',
    load: () => import('./config/unset.ts'),
  },
  {
    path: 'config reveal',
    group: CONFIGURE,
    summary: 'Print the value of a secret',
    load: () => import('./config/reveal.ts'),
  },
  { path: 'env', group: CONFIGURE, summary: 'List environments', load: () => import('./env/index.ts') },
  { path: 'env add', group: CONFIGURE, summary: 'Add an environment', load: () => import('./env/add.ts') },
  {
    path: 'env export',
    group: CONFIGURE,
    summary: 'What is applied for its apps, as text',
    load: () => import('./env/export.ts'),
  },
  {
    path: 'env remove',
    group: CONFIGURE,
    summary: 'Remove an environment in which nothing runs',
    load: () => import('./env/remove.ts'),
  },
  {
    path: 'drains',
    group: CONFIGURE,
    summary: 'Where log lines are sent, and how that goes',
    load: () => import('./drains/index.ts'),
  },
  {
    path: 'drains add',
    group: CONFIGURE,
    summary: 'Send the log lines of an environment elsewhere',
    load: () => import('./drains/add.ts'),
  },
  {
    path: 'drains remove',
    group: CONFIGURE,
    summary: 'Stop sending log lines there',
    load: () => import('./drains/remove.ts'),
  },
  {
    path: 'pipeline',
    group: CONFIGURE,
    summary: 'The order of environments',
    load: () => import('./pipeline.ts'),
  },
  {
    path: 'needs',
    group: CONFIGURE,
    summary: 'What is run for apps',
    load: () => import('./needs/index.ts'),
  },
  {
    path: 'needs remove',
    group: CONFIGURE,
    summary: 'Drop the database of an app that is gone',
    load: () => import('./needs/remove.ts'),
  },
  {
    path: 'login',
    group: PEOPLE,
    summary: 'Sign in to a platform elsewhere, or list where you are',
    load: () => import('./login.ts'),
  },
  {
    path: 'logout',
    group: PEOPLE,
    summary: 'Sign out, here and on the platform',
    load: () => import('./logout.ts'),
  },
  {
    path: 'whoami',
    group: PEOPLE,
    summary: 'Who you are to the platform, and what you may do',
    load: () => import('./whoami.ts'),
  },
  {
    path: 'people',
    group: PEOPLE,
    summary: 'People and machines, with what they may do',
    load: () => import('./people/index.ts'),
  },
  {
    path: 'people add',
    group: PEOPLE,
    summary: 'Make a person known, with roles and teams',
    load: () => import('./people/add.ts'),
  },
  {
    path: 'people invite',
    group: PEOPLE,
    summary: 'A code with which somebody chooses a password',
    load: () => import('./people/invite.ts'),
  },
  {
    path: 'people grant',
    group: PEOPLE,
    summary: 'Give someone a role',
    load: () => import('./people/grant.ts'),
  },
  {
    path: 'people withdraw',
    group: PEOPLE,
    summary: 'Take a role from someone',
    load: () => import('./people/withdraw.ts'),
  },
  {
    path: 'people revoke',
    group: PEOPLE,
    summary: 'End every token and session of someone',
    load: () => import('./people/revoke.ts'),
  },
  {
    path: 'people remove',
    group: PEOPLE,
    summary: 'Forget someone, with every token and session',
    load: () => import('./people/remove.ts'),
  },
  {
    path: 'team',
    group: PEOPLE,
    summary: 'Teams, who is in them, and what they own',
    load: () => import('./team/index.ts'),
  },
  {
    path: 'team add',
    group: PEOPLE,
    summary: 'Make a team',
    load: () => import('./team/add.ts'),
  },
  {
    path: 'team remove',
    group: PEOPLE,
    summary: 'Remove a team that owns no app',
    load: () => import('./team/remove.ts'),
  },
  {
    path: 'team join',
    group: PEOPLE,
    summary: 'Take someone into a team',
    load: () => import('./team/join.ts'),
  },
  {
    path: 'team leave',
    group: PEOPLE,
    summary: 'Take someone out of a team',
    load: () => import('./team/leave.ts'),
  },
  {
    path: 'tokens',
    group: PEOPLE,
    summary: 'Your tokens',
    load: () => import('./tokens/index.ts'),
  },
  {
    path: 'tokens add',
    group: PEOPLE,
    summary: 'Make a token, for a script or a machine',
    load: () => import('./tokens/add.ts'),
  },
  {
    path: 'tokens remove',
    group: PEOPLE,
    summary: 'End a token',
    load: () => import('./tokens/remove.ts'),
  },
  {
    path: 'up',
    group: PLATFORM,
    summary: 'Start the platform in the background',
    load: () => import('./up.ts'),
  },
  {
    path: 'down',
    group: PLATFORM,
    summary: 'Stop the platform and everything it runs',
    load: () => import('./down.ts'),
  },
  {
    path: 'status',
    group: PLATFORM,
    summary: 'Whether the platform and its parts are up',
    load: () => import('./status.ts'),
  },
  {
    path: 'doctor',
    group: PLATFORM,
    summary: 'Check everything, with the mend where something fails',
    load: () => import('./doctor.ts'),
  },
  {
    path: 'backup',
    group: PLATFORM,
    summary: 'Save everything of the platform in one sealed file',
    load: () => import('./backup/index.ts'),
  },
  {
    path: 'backup verify',
    group: PLATFORM,
    summary: 'Read a backup to its end and tell whether it is whole',
    load: () => import('./backup/verify.ts'),
  },
  {
    path: 'restore',
    group: PLATFORM,
    summary: 'Bring a backup into an empty home',
    load: () => import('./restore.ts'),
  },
  {
    path: 'keys rotate',
    group: PLATFORM,
    summary: 'Encrypt every secret with a new key',
    load: () => import('./keys/rotate.ts'),
  },
  {
    path: 'completion',
    group: PLATFORM,
    summary: 'Shell completion for bash, zsh or fish',
    load: () => import('./completion.ts'),
  },
]
