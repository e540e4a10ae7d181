import type { Command } from '../../command.ts'

export const command: Command = {
  arguments: [{ name: '<build>', description: 'its id, from tow builds' }],
  examples: [['tow builds log b_4f7k2m9q1xza', 'what it wrote']],
  async run({ terminal, connect }, [id]) {
    const { text, truncated } = await (await connect()).builds.log({ id: id! })
    if (truncated) terminal.say('The beginning was cut off.')
    terminal.write(text)
    return undefined
  },
}
