import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { givePorts, giveRoutes, type Places } from './ports.ts'

const names = fc.array(fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789'), { maxLength: 36 })

describe('places in the hop', () => {
  test('stay whose they are while they are wanted, and are never shared', () => {
    fc.assert(
      fc.property(fc.array(names, { maxLength: 8 }), (steps) => {
        let ports: Places = {}
        for (const wanted of steps) {
          const next = givePorts(ports, wanted)
          expect(Object.keys(next).sort()).toEqual([...new Set(wanted)].sort())
          expect(new Set(Object.values(next)).size).toBe(Object.keys(next).length)
          for (const [name, port] of Object.entries(ports)) {
            if (wanted.includes(name)) expect(next[name]).toBe(port)
          }
          ports = next
        }
      }),
    )
  })

  test('of hosts are routes of at most sixteen, and no host moves', () => {
    fc.assert(
      fc.property(fc.array(names, { maxLength: 8 }), (steps) => {
        let routes: Places = {}
        for (const wanted of steps) {
          const next = giveRoutes(routes, wanted)
          for (const [host, route] of Object.entries(routes)) {
            if (wanted.includes(host)) expect(next[host]).toBe(route)
          }
          for (const hosts of Map.groupBy(Object.values(next), (route) => route).values()) {
            expect(hosts.length).toBeLessThanOrEqual(16)
          }
          routes = next
        }
      }),
    )
  })
})
