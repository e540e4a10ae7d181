/** Values that use all that the chart `app` offers. */
export const EVERYTHING = {
  environment: 'stage',
  annotations: { 'example.com/cost-center': '42' },
  sets: {
    v11: {
      image: 'registry.example.com/shop@sha256:aa',
      release: 11,
      config: ['shop--config-1a2b'],
      processes: {
        web: { command: 'node server.js', count: 3, health: '/healthz', cpu: '250m', memory: '256Mi' },
      },
    },
    'v12.blue': {
      image: 'registry.example.com/shop@sha256:bb',
      release: 12,
      config: ['shop--config-3c4d'],
      needs: ['reports'],
      processes: {
        web: {
          command: 'node server.js',
          health: '/healthz',
          bootSeconds: 20,
          graceSeconds: 10,
          autoscale: { min: 2, max: 9 },
        },
        worker: { command: 'node worker.js', count: 2, restart: 3 },
      },
    },
  },
  split: { v11: 90, 'v12.blue': 10 },
  crons: {
    nightly: {
      set: 'v11',
      schedule: '0 3 * * *',
      timezone: 'America/Denver',
      command: 'node nightly.js',
      timeoutSeconds: 60,
    },
  },
  jobs: {
    migrate: { set: 'v11', process: 'release', command: 'echo "$HOME" $(date)', key: 'k-1' },
    terminal: { set: 'v11', process: 'run', command: 'sh', tty: { columns: 80, rows: 24 } },
    piped: { set: 'v11', process: 'run', command: 'cat', stdin: true, timeoutSeconds: 5 },
  },
  route: {
    hostnames: ['shop.example.com'],
    certificates: ['shop-tls'],
    gateways: [{ name: 'public', namespace: 'gateway', sectionName: 'web', port: 443 }],
  },
  imagePullSecrets: ['registry'],
  serviceAccount: { annotations: { 'example.com/role': 'shop' } },
  networkPolicy: {
    from: [{ namespaceSelector: { matchLabels: { team: 'support' } } }],
    egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8' } }] }],
  },
  nodeSelector: { pool: 'apps' },
  tolerations: [{ key: 'apps', operator: 'Exists' }],
  priorityClassName: 'apps',
}

/** A set in a space whose workspace follows somebody's files. */
export const LIVE = {
  environment: 'stage',
  space: 'mine',
  sets: {
    'mine.3': {
      image: 'registry.example.com/shop@sha256:aa',
      live: {
        agent: 'registry.example.com/tow--agent@sha256:bb',
        command: ['node', '/workspace/agent.mjs'],
      },
      processes: {
        web: { command: 'node server.js', health: '/healthz' },
        worker: { command: 'echo "$HOME" $(date) $$', reloads: true },
      },
    },
  },
}
