import { expect, test } from 'vitest'
import { followingOf } from './following.ts'

const app = (web: string | undefined, command?: string) =>
  followingOf({
    run: {
      processes: web === undefined ? {} : { web: { command: web } },
      crons: {},
      variables: {},
      needs: [],
    },
    dev: { ignore: ['dist'], ...(command === undefined ? {} : { command }) },
  })

test('what an app says about developing it takes the place of its own command', () => {
  expect(app('node dist/server.js')).toEqual({ commands: {}, reloading: [], ignore: ['dist'] })
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

test.each([
  'vite --port $PORT',
  'npx vite',
  'bin/rails server -p $PORT',
  'uvicorn app:api --reload',
  'nodemon server.js',
  'air',
])('%s reloads by itself', (command) => {
  expect(app('serve', command).reloading).toEqual(['web'])
})

test.each(['node server.js', 'uvicorn app:api', 'python repair.py', 'invite'])('%s does not', (command) => {
  expect(app('serve', command).reloading).toEqual([])
})
