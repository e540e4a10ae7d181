import { TowError } from '../../api/errors.ts'
import type { Command } from '../command.ts'
import { COMMANDS } from './index.ts'

export const command: Command = {
  arguments: [{ name: '<shell>', description: 'bash, zsh or fish' }],
  examples: [
    ['eval "$(tow completion bash)"', 'in ~/.bashrc'],
    ['tow completion zsh > ~/.zsh/completions/_tow', 'once; the folder belongs into fpath'],
    ['tow completion fish > ~/.config/fish/completions/tow.fish', 'once'],
  ],
  async run({ terminal }, [shell]) {
    const write = SHELLS[shell as keyof typeof SHELLS]
    if (!write) throw new TowError('USAGE', `completion is there for bash, zsh and fish, not for "${shell}"`)
    terminal.print(write())
    return undefined
  },
}

/** `config` -> its verbs; a command without verbs -> none. */
function tree(): Map<string, { summary: string; verbs: { name: string; summary: string }[] }> {
  const topics = new Map<string, { summary: string; verbs: { name: string; summary: string }[] }>()
  for (const { path, summary } of COMMANDS) {
    const [topic, verb] = path.split(' ') as [string, string | undefined]
    const known = topics.get(topic) ?? { summary: '', verbs: [] }
    if (verb) known.verbs.push({ name: verb, summary })
    else known.summary = summary
    topics.set(topic, known)
  }
  return topics
}

const quote = (text: string) => text.replaceAll("'", '’')

const SHELLS = {
  bash() {
    const cases = [...tree()]
      .filter(([, { verbs }]) => verbs.length > 0)
      .map(([topic, { verbs }]) => `    ${topic}) words='${verbs.map(({ name }) => name).join(' ')}' ;;`)
    return `_tow() {
  local words='' current="\${COMP_WORDS[COMP_CWORD]}"
  if [ "$COMP_CWORD" -eq 1 ]; then words='${[...tree().keys()].join(' ')}'
  elif [ "$COMP_CWORD" -eq 2 ]; then case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _tow tow towpath`
  },
  zsh() {
    const topics = [...tree()].map(([name, { summary }]) => `    '${name}:${quote(summary)}'`)
    const cases = [...tree()]
      .filter(([, { verbs }]) => verbs.length > 0)
      .map(
        ([topic, { verbs }]) =>
          `    ${topic}) commands=(${verbs.map(({ name, summary }) => `'${name}:${quote(summary)}'`).join(' ')}) ;;`,
      )
    return `#compdef tow towpath
_tow() {
  local -a commands
  if (( CURRENT == 2 )); then commands=(
${topics.join('\n')}
  )
  elif (( CURRENT == 3 )); then case "$words[2]" in
${cases.join('\n')}
  esac; fi
  (( $#commands )) && _describe command commands || _files
}
compdef _tow tow towpath`
  },
  fish() {
    const lines = [...tree()].flatMap(([topic, { summary, verbs }]) => [
      `complete -c tow -n __fish_use_subcommand -f -a ${topic} -d '${quote(summary)}'`,
      ...verbs.map(
        (verb) =>
          `complete -c tow -n '__fish_seen_subcommand_from ${topic}' -f -a ${verb.name} -d '${quote(verb.summary)}'`,
      ),
    ])
    return lines.join('\n')
  },
}
