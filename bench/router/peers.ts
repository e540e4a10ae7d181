/** Other proxies of the same shape: one process, one thread, keep-alive on both sides, forwarding headers set. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { on } from './cores.ts'

export interface Peer {
  name: string
  version: string
  start(port: number, appPort: number): { child: ChildProcess; remove(): void }
}

function versionOf(command: string, args: string[]): string | null {
  const { error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  return error ? null : (/\d+\.\d+[\w.]*/.exec(`${stdout}${stderr}`)?.[0] ?? 'unknown version')
}

function run(
  command: string,
  file: string,
  text: (folder: string) => string,
  args: (path: string, folder: string) => string[],
) {
  const folder = mkdtempSync(join(tmpdir(), 'towpath-bench-'))
  const path = join(folder, file)
  writeFileSync(path, text(folder))
  const child = spawn(...on('proxy', command, args(path, folder)), {
    stdio: 'ignore',
    env: { ...process.env, HOME: folder, GOMAXPROCS: '1' },
  })
  return { child, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

const nginx = (port: number, appPort: number) => (folder: string) =>
  `
daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  keepalive_requests 10000000;
  upstream app { server 127.0.0.1:${appPort}; keepalive 128; keepalive_requests 10000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Request-Id $request_id;
    }
  }
}`

const haproxy = (port: number, appPort: number) => () =>
  `
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option forwardfor
  http-reuse always
frontend edge
  bind 127.0.0.1:${port}
  unique-id-format %[uuid()]
  unique-id-header X-Request-Id
  default_backend app
backend app
  server one 127.0.0.1:${appPort}
`

const caddy = (port: number, appPort: number) => () =>
  `
{
  admin off
  auto_https off
}
http://127.0.0.1:${port}, http://missions.stage.localhost:${port} {
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:${appPort} {
    header_up X-Request-Id {http.request.uuid}
  }
}
`

/** The peers that are installed; for each other one the reason why it is skipped. */
export function findPeers(): { peers: Peer[]; skipped: string[] } {
  const peers: Peer[] = []
  const skipped: string[] = []
  const add = (name: string, versionArgs: string[], start: Peer['start']) => {
    const version = versionOf(name, versionArgs)
    if (version === null) skipped.push(`${name}: skipped, there is no ${name} on the PATH`)
    else peers.push({ name, version, start })
  }
  add('nginx', ['-v'], (port, appPort) =>
    run('nginx', 'nginx.conf', nginx(port, appPort), (path, folder) => ['-c', path, '-p', folder]),
  )
  add('haproxy', ['-v'], (port, appPort) =>
    run('haproxy', 'haproxy.cfg', haproxy(port, appPort), (path) => ['-f', path]),
  )
  add('caddy', ['version'], (port, appPort) =>
    run('caddy', 'Caddyfile', caddy(port, appPort), (path) => [
      'run',
      '--config',
      path,
      '--adapter',
      'caddyfile',
    ]),
  )
  return { peers, skipped }
}
