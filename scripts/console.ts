/**
 * Builds the console into a folder: `index.html`, and `assets/` with files named by their content, each also compressed.
 * Usage: console.ts <folder>
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { minifyContractRouter } from '@orpc/contract'
import { type Plugin, rolldown } from 'rolldown'
import { contract } from '../src/api/contract.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const SOURCE = join(root, 'src/console')
/** In the order in which they apply. */
const STYLES = [
  'node_modules/uplot/dist/uPlot.min.css',
  ...readdirSync(join(SOURCE, 'style'))
    .sort()
    .map((name) => `src/console/style/${name}`),
]

/** All or nothing: two that build at once, or one that is killed, leave no half of it. */
export async function buildConsole(target: string): Promise<void> {
  const folder = `${target}.${process.pid}`
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, 'assets'), { recursive: true })
  const entry = await bundle(join(folder, 'assets'))
  const style = writeStyle(join(folder, 'assets'))
  const icon = writeNamed(join(folder, 'assets'), 'icon', '.svg', readFileSync(join(SOURCE, 'icon.svg')))
  const html = readFileSync(join(SOURCE, 'index.html'), 'utf8')
  for (const name of readdirSync(join(folder, 'assets'))) compress(join(folder, 'assets', name))
  writeFileSync(
    join(folder, 'index.html'),
    html.replace('SCRIPT', entry).replace('STYLE', style).replace('ICON', icon),
  )
  rmSync(target, { recursive: true, force: true })
  renameSync(folder, target)
}

/** The contract without its shapes: what a caller needs to know is where to send what. Types are the whole one's. */
const slimContract: Plugin = {
  name: 'slim-contract',
  load(id) {
    if (!id.endsWith('/src/api/contract.ts')) return null
    return `export const contract = ${JSON.stringify(minifyContractRouter(contract))}`
  },
}

async function bundle(folder: string): Promise<string> {
  const build = await rolldown({
    input: { console: join(SOURCE, 'main.tsx') },
    platform: 'browser',
    plugins: [slimContract],
    transform: { define: { 'process.env.NODE_ENV': '"production"' } },
    // Marks that only bundlers of servers read.
    onLog(level, log, handle) {
      if (log.code !== 'MODULE_LEVEL_DIRECTIVE') handle(level, log)
    },
  })
  const { output } = await build.write({
    dir: folder,
    format: 'esm',
    minify: true,
    entryFileNames: '[name]-[hash].js',
    chunkFileNames: '[name]-[hash].js',
  })
  await build.close()
  return output.find((chunk) => chunk.type === 'chunk' && chunk.isEntry)!.fileName
}

function writeStyle(folder: string): string {
  const text = STYLES.map((path) => readFileSync(join(root, path), 'utf8')).join('\n')
  const small = text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\s+/g, ' ')
    .replace(/ ?([{};,]) ?/g, '$1')
  return writeNamed(folder, 'console', '.css', Buffer.from(small))
}

function writeNamed(folder: string, name: string, extension: string, content: Buffer): string {
  const digest = createHash('sha256').update(content).digest('base64url').slice(0, 8)
  writeFileSync(join(folder, `${name}-${digest}${extension}`), content)
  return `${name}-${digest}${extension}`
}

function compress(file: string): void {
  const content = readFileSync(file)
  const params = { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_SIZE_HINT]: content.length }
  writeFileSync(`${file}.br`, brotliCompressSync(content, { params }))
  writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildConsole(resolve(process.argv[2]!))
