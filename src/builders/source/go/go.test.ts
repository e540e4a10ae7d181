import { beforeEach, describe, expect, test } from 'vitest'
import { sbomMistakes } from '../test-sbom.ts'
import {
  answerOf,
  buildFolder,
  declarationOf,
  realBuilder,
  temporaryFolder,
  treeOf,
  writeFiles,
} from '../test-support.ts'
import { createToolbox } from '../tools.ts'
import { programName, webProgram } from './packages.ts'

const SERVER = `package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	page, _ := os.ReadFile("templates/home.html")
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, string(page)) })
	http.ListenAndServe(":"+os.Getenv("PORT"), nil)
}
`

async function project(files: Record<string, string>): Promise<string> {
  const folder = await temporaryFolder()
  await writeFiles(folder, files)
  return folder
}

const planOf = async (files: Record<string, string>, options = {}) =>
  realBuilder(options).plan({ context: await project(files), path: '.' }, declarationOf())

const isHere = hasGo()

function hasGo(): boolean {
  return createToolbox(process.env.PATH ?? '', {}).all('go').length > 0
}

describe('with Go on this machine', () => {
  beforeEach(({ skip }) => skip(!isHere, 'Go is not on this machine'))
  test('a net/http server becomes one program beside the files that it reads', async () => {
    const files = {
      'go.mod': 'module example.com/shop/v2\n\ngo 1.18\n',
      'main.go': SERVER,
      'main_test.go': 'package main\n',
      'templates/home.html': 'hello from go',
    }
    const first = await buildFolder(await project(files))
    expect(first.plan).toMatchObject({
      language: 'go',
      processes: { web: 'bin/shop' },
      runtime: { name: 'none', range: '*' },
      dependencyKey: null,
    })
    expect(first.steps.map(({ name }) => name)).toEqual(['go build .'])
    const tree = await treeOf(first.result.app)
    expect(Object.keys(tree)).toEqual(['bin/shop', 'templates/home.html'])
    // Without C it needs no libc of its machine.
    expect(first.result.platform).toEqual({ os: process.platform, arch: process.arch })
    expect(JSON.parse(first.result.sbom).components[0].purl).toMatch(/^pkg:golang\/stdlib@1\.\d+/)
    expect(await answerOf(first)).toBe('hello from go')
    const second = await buildFolder(await project(files))
    expect(await treeOf(second.result.app)).toEqual(tree)
    expect(second.result.sbom).toBe(first.result.sbom)
  })

  test('a module dependency is fetched and named in the SBOM', async () => {
    const built = await buildFolder(
      await project({
        'go.mod':
          'module shop\n\ngo 1.18\n\nrequire rsc.io/quote/v3 v3.1.0\n\nrequire (\n\tgolang.org/x/text v0.0.0-20170915032832-14c0d48ead0c // indirect\n\trsc.io/sampler v1.3.0 // indirect\n)\n',
        'go.sum': `golang.org/x/text v0.0.0-20170915032832-14c0d48ead0c h1:qgOY6WgZOaTkIIMiVjBQcw93ERBE4m30iBm00nkL0i8=
golang.org/x/text v0.0.0-20170915032832-14c0d48ead0c/go.mod h1:NqM8EUOU14njkJ3fqMW+pc6Ldnwhi/IjpwHt7yyuwOQ=
rsc.io/quote/v3 v3.1.0 h1:9JKUTTIUgS6kzR9mK1YuGKv6Nl+DijDNIc0ghT58FaY=
rsc.io/quote/v3 v3.1.0/go.mod h1:yEA65RcK8LyAZtP9Kv3t0HmxON59tX3rD+tICJqUlj0=
rsc.io/sampler v1.3.0 h1:7uVkIFmeBqHfdjD+gZwtXXI+RODJ2Wc4O7MPEh/QiW4=
rsc.io/sampler v1.3.0/go.mod h1:T1hPZKmBbMNahiBKFy5HrXp6adAjACjK9JXDnKaTXpA=
`,
        'main.go':
          'package main\n\nimport (\n\t"net/http"\n\t"os"\n\n\t"rsc.io/quote/v3"\n)\n\nfunc main() {\n\thttp.ListenAndServe(":"+os.Getenv("PORT"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(quote.GoV3())) }))\n}\n',
      }),
    )
    expect(sbomMistakes(built.result.sbom)).toEqual([])
    const purls = JSON.parse(built.result.sbom).components.map(({ purl }: { purl: string }) => purl)
    expect(purls).toContain('pkg:golang/rsc.io/quote/v3@v3.1.0')
    expect(await answerOf(built)).toContain('communicat')
  })

  test('every command is built; the one with a telling name takes requests', async () => {
    const main = 'package main\n\nfunc main() {}\n'
    const built = await buildFolder(
      await project({
        'go.mod': 'module shop\ngo 1.18\n',
        'cmd/migrate/main.go': main,
        'cmd/server/main.go': main,
        'internal/x/x.go': 'package x\n',
      }),
    )
    expect(built.plan.processes).toEqual({ web: 'bin/server' })
    expect(Object.keys(await treeOf(built.result.app))).toEqual(['bin/migrate', 'bin/server'])
  })

  test('a build command of the app replaces the detected one', async () => {
    const built = await buildFolder(
      await project({
        'go.mod': 'module shop\ngo 1.18\n',
        'main.go': 'package main\n\nvar version string\n\nfunc main() { print(version) }\n',
      }),
      { declaration: { command: 'go build -trimpath -ldflags "-X main.version=7" -o bin/app .' } },
    )
    expect(Object.keys(await treeOf(built.result.app))).toEqual(['bin/app'])
  })

  test('a compile error is in the log, and the step is named', async () => {
    const output: string[] = []
    const folder = await project({
      'go.mod': 'module shop\ngo 1.18\n',
      'main.go': 'package main\n\nfunc main() { nope() }\n',
    })
    // 2 by a Go before 1.20.
    await expect(buildFolder(folder, { onOutput: (text) => output.push(text) })).rejects.toThrow(
      /^go build \. failed with exit code [12]/,
    )
    expect(output.join('')).toContain('undefined: nope')
  })

  test('a newer Go than the one here is named, with how to get it', async () => {
    await expect(planOf({ 'go.mod': 'module x\ngo 1.99\n', 'main.go': SERVER })).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringMatching(/^go\.mod needs Go 1\.99, and this machine has 1\./),
      hint: expect.stringContaining('Install Go 1.99'),
    })
  })
})

test('a machine without Go is told so', async () => {
  await expect(
    planOf({ 'go.mod': 'module x\ngo 1.22\n', 'main.go': SERVER }, { toolPath: '/nowhere' }),
  ).rejects.toMatchObject({
    message: 'go.mod needs Go 1.22, and no go was found on this machine',
  })
})

test('a module without a program is told how to go on', async () => {
  await expect(planOf({ 'go.mod': 'module x\n', 'x.go': 'package x\n' })).rejects.toMatchObject({
    hint: expect.stringContaining('build:'),
  })
})

test.each([
  ['example.com/shop', '.', 'shop'],
  ['example.com/shop/v3', '.', 'shop'],
  ['shop', 'cmd/web', 'web'],
])('the program of %s in %s is called %s', (module, folder, name) => {
  expect(programName(module, folder)).toBe(name)
})

test('of several programs none takes requests by chance', () => {
  expect(webProgram(['one', 'two'], 'example.com/x')).toBeNull()
  expect(webProgram(['one', 'shop'], 'example.com/shop')).toBe('shop')
})
