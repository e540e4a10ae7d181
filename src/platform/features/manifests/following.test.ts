import { expect, test } from 'vitest'
import type { AppDeclaration } from './declaration.ts'
import { developed, followingOf } from './following.ts'

const app = (web: string | undefined, command?: string, dev: object = {}) =>
  followingOf({
    run: {
      processes: web === undefined ? {} : { web: { command: web } },
      crons: {},
      variables: {},
      needs: [],
    },
    dev: { ignore: ['dist'], ...(command === undefined ? {} : { command }), ...dev },
  })

test('what an app says about developing it takes the place of its own command', () => {
  expect(app('node dist/server.js')).toEqual({
    ...{ commands: {}, reloading: [], ignore: ['dist'] },
    ...{ sync: null, restart: null },
  })
  expect(app('node dist/server.js', 'node src/server.ts').commands).toEqual({ web: 'node src/server.ts' })
  expect(app(undefined, 'node src/server.ts').commands).toEqual({ web: 'node src/server.ts' })
})

test('a watcher that loses replaced files is left out: it is restarted for it', () => {
  expect(app('node dist/server.js', 'node --watch src/server.ts')).toMatchObject({
    commands: { web: 'node src/server.ts' },
    reloading: [],
  })
  expect(app('node --watch server.js').commands).toEqual({ web: 'node server.js' })
})

test('what it says about restarts counts more than what its command looks like', () => {
  expect(app('serve', 'bin/mine', { restart: false })).toMatchObject({ reloading: ['web'], restart: null })
  expect(app('serve', 'nodemon server.js', { restart: true })).toMatchObject({ reloading: [], restart: null })
  const some = { restart: ['*.rb'], sync: ['views'] }
  expect(app('serve', 'nodemon server.js', some)).toMatchObject({ reloading: [], ...some })
})

test.each([
  'vite --port $PORT',
  'npx vite',
  'bin/rails server -p $PORT',
  'uvicorn app:api --reload',
  'nodemon server.js',
  'air',
  'next  dev --turbo',
  'npx next dev',
  'gunicorn --reload app:api',
  'python manage.py runserver 0.0.0.0:$PORT',
  'nest start --watch',
  'bun --hot server.ts',
])('%s reloads by itself', (command) => {
  expect(app('serve', command).reloading).toEqual(['web'])
})

test.each([
  'node server.js',
  'uvicorn app:api',
  'python repair.py',
  'invite',
  'next start',
  'python manage.py runserver --noreload',
])('%s does not', (command) => {
  expect(app('serve', command).reloading).toEqual([])
})

test('a command of its own runs from the source, with packages for development; without one it is built as ever', () => {
  const declaration: AppDeclaration = {
    ...{ name: 'site', path: '.', context: '.', counts: {}, perEnvironment: {}, sources: [] },
    build: { builder: 'auto', secrets: [] },
    run: { processes: { web: { health: '/up' } }, crons: {}, variables: {}, needs: [] },
    dev: { ignore: [] },
  }
  expect(developed(declaration)).toBe(declaration)
  expect(developed({ ...declaration, dev: { ignore: [], command: 'npx vite' } })).toMatchObject({
    build: { builder: 'auto', development: true, startsItself: true },
    run: { processes: { web: { command: 'npx vite', health: '/up' } } },
  })
})
