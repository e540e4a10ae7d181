/** Where the platform keeps everything. Pure: whoever calls hands the environment in. */
export function defaultHome({
  env,
  uid,
  homedir,
}: {
  env: Record<string, string | undefined>
  uid: number
  homedir: string
}): string {
  if (env.TOW_HOME) return env.TOW_HOME
  // As root every app has a uid of its own, and those can't enter root's home.
  if (uid === 0) return '/var/lib/towpath'
  return `${env.XDG_DATA_HOME || `${homedir}/.local/share`}/towpath`
}
