import { expect, test } from 'vitest'
import { judgeImage } from './foreign-image.ts'

const image = {
  name: 'ghcr.io/team/shop:1.4',
  reference: `ghcr.io/team/shop@sha256:${'a'.repeat(64)}`,
  command: ['node', 'server.js'],
  user: '1000',
  ports: [] as number[],
}

test.each(['', 'root', '0', '0:0', 'root:root'])('an image that runs as root (%j) is refused', (user) => {
  expect(() => judgeImage({ ...image, user })).toThrow(
    'ghcr.io/team/shop:1.4 runs as root, which restricted Pod Security does not allow',
  )
})

test('so is one that runs as a name: a cluster cannot tell who that is', () => {
  expect(() => judgeImage({ ...image, user: 'node:node' })).toThrow('runs as “node”')
})

test('it listens where it says, where it is told to, or on $PORT', () => {
  expect(judgeImage(image)).toMatchObject({ port: 8080 })
  expect(judgeImage({ ...image, ports: [3000] })).toMatchObject({ port: 3000 })
  expect(judgeImage({ ...image, ports: [3000, 9090] }, 9090)).toMatchObject({ port: 9090 })
  expect(() => judgeImage({ ...image, ports: [3000, 9090] })).toThrow('listens on several ports: 3000, 9090')
})

test('its command is kept as a shell would read it, its user and group by number', () => {
  const command = ['nginx', '-g', 'daemon off;', "it's"]
  expect(judgeImage({ ...image, command, user: '101:102' })).toEqual({
    reference: image.reference,
    command: "nginx -g 'daemon off;' 'it'\\''s'",
    port: 8080,
    user: 101,
    group: 102,
  })
  expect(judgeImage({ ...image, command: [] })).not.toHaveProperty('command')
})
