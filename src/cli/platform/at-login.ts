/** A unit for systemd or launchd that starts the platform when its person logs in. Written, shown, and enabled. */
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Terminal } from '../terminal/terminal.ts'
import { platformEntry } from './entry.ts'

const execute = promisify(execFile)

interface Unit {
  file: string
  text: string
  enable: [command: string, ...args: string[]]
  undo: string
}

export interface UnitFacts {
  home: string
  node: string
  entry: string[]
  listening: readonly string[]
  /** The person's own PATH: it decides which runtimes apps find. */
  path: string
  asRoot: boolean
  userHome: string
  configHome: string
}

/** systemd's quoting: backslash and double quote escaped, `%` and `$` doubled. */
function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&').replace(/[%$]/g, '$&$&')}"`
}

export function systemdUnit(facts: UnitFacts): Unit {
  const folder = facts.asRoot ? '/etc/systemd/system' : join(facts.configHome, 'systemd', 'user')
  const scope = facts.asRoot ? [] : ['--user']
  const command = [facts.node, ...facts.entry, '--home', facts.home, ...facts.listening].map(quoted).join(' ')
  return {
    file: join(folder, 'towpath.service'),
    text: `[Unit]
Description=Towpath, the platform of this machine
After=network.target

[Service]
Type=simple
ExecStart=${command}
Environment=${quoted(`PATH=${facts.path}`)}
Restart=on-failure
RestartSec=2
# Apps and databases outlive the platform on purpose; tow down stops them.
KillMode=process

[Install]
WantedBy=${facts.asRoot ? 'multi-user.target' : 'default.target'}
`,
    enable: ['systemctl', ...scope, 'enable', 'towpath.service'],
    undo: `systemctl ${scope.map((word) => `${word} `).join('')}disable towpath.service`,
  }
}

const escaped = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')

export function launchdUnit(facts: UnitFacts): Unit {
  const file = join(
    facts.asRoot ? '/Library/LaunchDaemons' : join(facts.userHome, 'Library', 'LaunchAgents'),
    'dev.towpath.platform.plist',
  )
  const words = [facts.node, ...facts.entry, '--home', facts.home, ...facts.listening].map(
    (word) => `    <string>${escaped(word)}</string>`,
  )
  return {
    file,
    text: `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key><string>dev.towpath.platform</string>
  <key>ProgramArguments</key>
  <array>
${words.join('\n')}
  </array>
  <key>EnvironmentVariables</key>
  <dict><key>PATH</key><string>${escaped(facts.path)}</string></dict>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>
  <key>AbandonProcessGroup</key><true/>
</dict>
</plist>
`,
    enable: ['launchctl', 'load', '-w', file],
    undo: `launchctl unload -w ${file}`,
  }
}

interface Install {
  home: string
  env: NodeJS.ProcessEnv
  terminal: Terminal
  /** Where else the platform listens, as its options. */
  listening?: readonly string[]
}

export async function installAtLogin({ home, env, terminal, listening = [] }: Install): Promise<void> {
  const facts: UnitFacts = {
    home,
    node: process.execPath,
    entry: platformEntry(),
    listening,
    path: env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
    asRoot: process.getuid?.() === 0,
    userHome: homedir(),
    configHome: env.XDG_CONFIG_HOME || join(homedir(), '.config'),
  }
  const unit = process.platform === 'darwin' ? launchdUnit(facts) : systemdUnit(facts)
  await mkdir(dirname(unit.file), { recursive: true })
  await writeFile(unit.file, unit.text, { mode: 0o644 })
  terminal.say(`Wrote ${unit.file}`)
  const [command, ...args] = unit.enable
  try {
    await execute(command, args)
    terminal.say(`It starts by itself from now on. Undo: ${unit.undo}`)
  } catch {
    terminal.say(`It could not be enabled from here. Run: ${unit.enable.join(' ')}`)
  }
}
