/**
 * Which apps were shipped from which folder, so that `tow logs` needs no name where it is typed. Only a convenience:
 * a lost or broken file means that `-a` has to be given.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import * as z from 'zod'
import { TowError } from '../api/errors.ts'

const Places = z.record(z.string(), z.array(z.object({ name: z.string(), path: z.string() })))
type Places = z.infer<typeof Places>

const KEPT = 500

function fileOf(home: string): string {
  return join(home, 'cli', 'places.json')
}

async function readPlaces(home: string): Promise<Places> {
  try {
    return Places.parse(JSON.parse(await readFile(fileOf(home), 'utf8')))
  } catch {
    return {}
  }
}

export async function rememberApps(
  home: string,
  root: string,
  apps: { name: string; path: string }[],
): Promise<void> {
  const { [root]: _, ...others } = await readPlaces(home)
  const places = Object.fromEntries([...Object.entries(others), [root, apps] as const].slice(-KEPT))
  const file = fileOf(home)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(`${file}.${process.pid}`, JSON.stringify(places), { flush: true })
  await rename(`${file}.${process.pid}`, file)
}

/** The app that `-a` names, else the one that was shipped from here. */
export async function chooseApp(home: string, cwd: string, named: unknown): Promise<string> {
  if (typeof named === 'string') return named
  const places = await readPlaces(home)
  for (let folder = cwd; ; folder = dirname(folder)) {
    const apps = places[folder]
    if (apps) return chooseAmong(apps, relative(folder, cwd))
    if (folder === dirname(folder)) break
  }
  throw new TowError('USAGE', 'no app was shipped from this folder, so say which one', {
    hint: 'add -a <app>; tow apps lists them',
  })
}

function chooseAmong(apps: { name: string; path: string }[], inside: string): string {
  const here = apps.filter(({ path }) => path === '.' || inside === path || inside.startsWith(`${path}/`))
  const among = here.length > 0 ? here : apps
  if (among.length === 1) return among[0]!.name
  throw new TowError(
    'USAGE',
    `several apps are shipped from here: ${among.map((app) => app.name).join(', ')}`,
    {
      hint: `add -a ${among[0]!.name}`,
    },
  )
}
