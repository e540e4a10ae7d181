import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { TowError } from '../../../api/errors.ts'
import { printChecks } from '../../checks.ts'
import type { Command, CommandContext, Options } from '../../command.ts'
import { readAll } from '../../terminal/input.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<name>', description: 'lower-case letters, digits and hyphens' }],
  options: [
    { flags: '--engine <kind>', description: 'what runs it: local, kubernetes', default: 'local' },
    { flags: '--before <environment>', description: 'its place in the pipeline (default: the end)' },
    { flags: '--context <name>', description: 'kubernetes: the context of the kubeconfig' },
    { flags: '--namespace <name>', description: 'kubernetes: where everything goes' },
    {
      flags: '--registry <place>',
      description: 'kubernetes: where images go, e.g. registry.example.com/team',
    },
    {
      flags: '--domain <name>',
      description: 'kubernetes: apps answer at <app>.<name>; https://<name> where the Gateway has TLS',
    },
    {
      flags: '--gateway <namespace/name>',
      description: 'kubernetes: what takes the requests (default: the only one)',
    },
    { flags: '--kubeconfig <file>', description: 'kubernetes: default KUBECONFIG, else ~/.kube/config' },
    { flags: '--base <language=image>', description: 'kubernetes: a base image of your own', many: true },
    { flags: '--values <file>', description: 'kubernetes: values of the chart for every app, YAML' },
    {
      flags: '--lend-login <place>',
      description: 'kubernetes: a registry or a folder in it whose login `tow ship --image` may use',
      many: true,
    },
    { flags: '--plain-registry', description: 'kubernetes: speak to the registry without TLS' },
    {
      flags: '--postgres <url>',
      description: 'a PostgreSQL for apps, postgres://user:password@host; - reads it from standard input',
    },
  ],
  examples: [
    ['tow env add qa --before prod', 'a third environment between stage and prod'],
    [
      'tow env add live --engine kubernetes --context work --namespace live --registry registry.example.com/team --domain apps.example.com',
      'on a cluster; every check with its mend',
    ],
  ],
  async run(context, [name], options) {
    const { terminal, json, connect } = context
    const engine = String(options.engine)
    const wanted = {
      name: name!,
      engine,
      ...(typeof options.before === 'string' ? { before: options.before } : {}),
      ...(engine === 'kubernetes' ? { settings: await kubernetesSettings(context, options) } : {}),
      ...(typeof options.postgres === 'string' ? { postgres: await addressOf(options.postgres) } : {}),
    }
    const client = await connect()
    if (!json && engine !== 'local') {
      const checks = await client.environments.probe(wanted)
      printChecks(terminal, checks)
      if (checks.some(({ ok }) => !ok)) {
        terminal.say(`${name} was not added. Mend what is marked, and say it again.`)
        return 1
      }
    }
    const environment = await client.environments.add(wanted)
    if (json) return void printJson(terminal, environment)
    terminal.say(
      `${environment.name} is there. tow promote <app> --to ${environment.name} brings an app into it.`,
    )
    return void terminal.say(`Undo: tow env remove ${environment.name}`)
  },
}

/** As the engine reads them; it judges them too. */
async function kubernetesSettings({ cwd, env }: CommandContext, options: Options) {
  const given = (key: string) => (typeof options[key] === 'string' ? { [key]: options[key] } : {})
  const kubeconfig =
    typeof options.kubeconfig === 'string'
      ? resolve(cwd, options.kubeconfig)
      : env.KUBECONFIG || join(homedir(), '.kube', 'config')
  return {
    kubeconfig: kubeconfig
      .split(delimiter)
      .filter((path) => path !== '')
      .map((path) => resolve(cwd, path))
      .join(delimiter),
    ...given('context'),
    ...given('namespace'),
    ...given('registry'),
    ...given('domain'),
    ...(typeof options.gateway === 'string' ? { gateways: [gatewayOf(options.gateway)] } : {}),
    ...(options.base ? { bases: Object.fromEntries((options.base as string[]).map(pairOf)) } : {}),
    ...(options.lendLogin ? { lendLogins: options.lendLogin } : {}),
    ...(options.plainRegistry === true ? { plainRegistry: true } : {}),
    ...(typeof options.values === 'string' ? { values: await valuesOf(resolve(cwd, options.values)) } : {}),
  }
}

function gatewayOf(text: string): { name: string; namespace?: string } {
  const [first = '', second] = text.split('/')
  return second === undefined ? { name: first } : { namespace: first, name: second }
}

function pairOf(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 1) throw new TowError('USAGE', `--base is like node=registry.example.com/node:24, not "${text}"`)
  return [text.slice(0, at), text.slice(at + 1)]
}

async function valuesOf(file: string): Promise<Record<string, unknown>> {
  const { parse } = await import('yaml')
  const text = await readFile(file, 'utf8').catch((cause) => {
    throw new TowError('USAGE', `${file} cannot be read`, { cause })
  })
  const values: unknown = parse(text)
  if (values && typeof values === 'object' && !Array.isArray(values)) return values as Record<string, unknown>
  throw new TowError('USAGE', `${file} holds no values: it should be a YAML mapping`)
}

async function addressOf(text: string): Promise<string> {
  return text === '-' ? (await readAll(process.stdin)).trim() : text
}
