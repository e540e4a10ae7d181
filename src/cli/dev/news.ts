/** What became of a save, in a line. */
import type { Terminal } from '../terminal/terminal.ts'
import { duration } from '../terminal/text.ts'
import type { News } from './follow.ts'

export function sayNews(terminal: Terminal, news: News, json: boolean): void {
  if (json) {
    terminal.print(JSON.stringify(news))
    return
  }
  terminal.say(`${terminal.tint('bold', news.app)} ${sentenceOf(terminal, news)}`)
}

function sentenceOf(terminal: Terminal, news: News): string {
  switch (news.type) {
    case 'live':
      return `${terminal.tint('green', 'live')} in ${duration(news.milliseconds)} (${files(news.files)})`
    case 'built':
      return `${terminal.tint('green', 'built and live')} in ${duration(news.milliseconds)} (${some(news.paths)})`
    case 'crashed':
      return `${terminal.tint('red', 'ended')} with ${files(news.files)} changed; what it wrote stands above, and the next save starts it again`
    case 'equal':
      return 'equals the working copy again'
    case 'differs':
      return `differed from the working copy: ${some(news.paths)}; it is made equal`
    case 'refused':
      return `${terminal.tint('red', 'not live')}: ${news.message}${news.hint ? `\n  ${news.hint}` : ''}`
    case 'env':
      return envSentence(news)
    default:
      return `${terminal.tint('yellow', news.message)}`
  }
}

function envSentence({ file, keys, set, given }: News & { type: 'env' }): string {
  const taken = `takes ${keys.length === 1 ? '1 key' : `${keys.length} keys`} from ${file}, in this space only`
  const others = [
    ...(set.length > 0 ? [`${some(set)}: set for the space with tow config`] : []),
    ...(given.length > 0 ? [`${some(given)}: given by the platform`] : []),
  ]
  return others.length > 0 ? `${taken}; not ${others.join('; not ')}` : taken
}

const files = (count: number) => `${count} ${count === 1 ? 'file' : 'files'}`

const MOST_NAMED = 5

function some(paths: readonly string[]): string {
  const more = paths.length - MOST_NAMED
  return paths.slice(0, MOST_NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '')
}
