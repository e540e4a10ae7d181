import type { Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  examples: [['tow keys rotate', 'a new key; every secret is encrypted with it, nothing restarts']],
  async run({ terminal, json, connect }) {
    const rotated = await (await connect()).config.rotateKey()
    if (json) return void printJson(terminal, rotated)
    return void terminal.say(`${rotated.secrets} secrets are encrypted with the new key ${rotated.key}.`)
  },
}
