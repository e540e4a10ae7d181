import { spawn } from 'node:child_process'
import { TowError } from '../../api/errors.ts'
import { APP_OPTION, type Command, ENVIRONMENT_OPTION, SPACE_OPTION } from '../command.ts'
import { chooseCopy } from '../environment.ts'

export const command: Command = {
  arguments: [
    { name: '[app]', description: 'default: the app shipped from this folder' },
    { name: '[arguments...]', description: 'for psql itself' },
  ],
  options: [
    APP_OPTION,
    ENVIRONMENT_OPTION,
    SPACE_OPTION,
    { flags: '--url', description: 'only print how to connect, password included' },
  ],
  passThrough: true,
  examples: [
    ['tow psql missions', 'a prompt in its database in stage'],
    ['tow psql missions -c "select count(*) from missions"', 'one statement'],
    ['tow psql --space mine missions', 'the database that its copy in the space has for itself'],
    ['tow psql --url missions', 'for another client'],
  ],
  async run({ terminal, connect, home, cwd, env }, [name, ...rest], options) {
    const client = await connect()
    const copy = await chooseCopy(client, { home, cwd }, { ...options, app: name ?? options.app })
    const { app } = copy
    const { url } = await client.needs.connect(copy)
    if (options.url) return void terminal.print(url)
    const { password, ...place } = connection(url)
    // In the environment rather than in the arguments, which every user of the machine can list.
    const child = spawn('psql', rest, { stdio: 'inherit', env: { ...env, ...place, PGPASSWORD: password } })
    return new Promise((resolve, reject) => {
      child.on('exit', (code) => resolve(code ?? 1))
      child.on('error', () =>
        reject(
          new TowError('FAILED', 'psql is not on this machine', {
            hint: `install PostgreSQL's client, or use another with tow psql --url ${app}`,
          }),
        ),
      )
    })
  },
}

function connection(url: string): {
  PGHOST: string
  PGPORT: string
  PGUSER: string
  PGDATABASE: string
  password: string
} {
  const { hostname, port, username, password, pathname } = new URL(url)
  return {
    PGHOST: hostname,
    PGPORT: port || '5432',
    PGUSER: decodeURIComponent(username),
    PGDATABASE: decodeURIComponent(pathname.slice(1)),
    password: decodeURIComponent(password),
  }
}
