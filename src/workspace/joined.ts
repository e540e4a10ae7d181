/**
 * Several workspaces as if they were one: whoever holds the files speaks with one agent, and each workspace becomes equal.
 * What all of them have alike is what lies there; each is told what it lacks itself.
 */
import { type Duplex, duplexPair } from 'node:stream'
import { TowError } from '../api/errors.ts'
import { diffTrees } from '../trees/diff.ts'
import { makeTree, type Tree } from '../trees/tree.ts'
import { cutOff, type Frame, readFrames, sendFrame } from './frames.ts'
import { Answer, type Done, Request } from './messages.ts'

interface Member {
  stream: Duplex
  frames: AsyncIterator<Frame>
  present: Tree
}

type Failed = Answer & { type: 'failed' }

class Refused extends Error {
  readonly answer: Failed
  constructor(answer: Failed) {
    super(answer.message)
    this.answer = answer
  }
}

/** Over as soon as any of them is. */
export function joinWorkspaces(streams: readonly Duplex[]): Duplex {
  const [ours, theirs] = duplexPair()
  const all = [...streams, ours, theirs]
  const end = () => {
    for (const stream of all) stream.destroy()
  }
  for (const stream of all) stream.on('error', () => {}).on('close', end)
  const members = streams.map(
    (stream): Member => ({
      stream,
      frames: readFrames(stream)[Symbol.asyncIterator](),
      present: makeTree([]),
    }),
  )
  void relay(theirs, members)
    .catch(() => {})
    .finally(end)
  return ours
}

async function relay(holder: Duplex, members: readonly Member[]): Promise<void> {
  /** What all of them have alike. */
  let common = makeTree([])
  const each = (request: Request) =>
    Promise.all(
      members.map(async (member) => {
        await sendFrame(member.stream, request)
        return answerOf(member)
      }),
    )

  async function commit(request: Request & { type: 'commit' }): Promise<Answer> {
    const after = changed(common, request)
    if (after.hash !== request.hash) throw new Refused(otherTree(request.id))
    const dones = await Promise.all(
      members.map(async (member) => {
        const { added, changed: others, removed } = diffTrees(member.present, after)
        const remove = removed.map(({ path }) => path)
        await sendFrame(member.stream, { ...request, put: [...added, ...others], remove })
        return answerOf(member)
      }),
    )
    for (const member of members) member.present = after
    common = after
    return merged(request.id, dones as Done[])
  }

  async function obey(request: Request, body: Buffer): Promise<Answer | null> {
    switch (request.type) {
      case 'hello': {
        const welcomes = (await each(request)) as (Answer & { type: 'welcome' })[]
        for (const [at, { entries }] of welcomes.entries()) members[at]!.present = makeTree(entries)
        common = alike(members.map(({ present }) => present))
        return { type: 'welcome', entries: [...common.entries] }
      }
      case 'contents':
      case 'part':
        await Promise.all(members.map(({ stream }) => sendFrame(stream, request, body)))
        return null
      case 'commit':
        return commit(request)
      case 'verify': {
        const found = (await each(request)) as (Answer & { type: 'verified' })[]
        const paths = [...new Set(found.flatMap((one) => one.paths))]
        return { type: 'verified', id: request.id, hash: common.hash, paths }
      }
      case 'restart':
        return merged(request.id, (await each(request)) as Done[])
    }
  }

  for await (const { message, body } of readFrames(holder)) {
    try {
      const said = await obey(Request.parse(message), body)
      if (said) await sendFrame(holder, said)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      await sendFrame(holder, error.answer)
      if (error.answer.id === null) return
    }
  }
}

async function answerOf({ frames }: Member): Promise<Answer> {
  const { value, done } = await frames.next()
  if (done) throw cutOff()
  const answer = Answer.parse(value.message)
  if (answer.type === 'failed') throw new Refused(answer)
  return answer
}

function alike(trees: readonly Tree[]): Tree {
  const [first, ...others] = trees
  const known = others.map(
    ({ entries }) => new Map(entries.map(({ path, digest, mode }) => [path, `${digest}${mode}`])),
  )
  return makeTree(
    first!.entries.filter(({ path, digest, mode }) =>
      known.every((one) => one.get(path) === `${digest}${mode}`),
    ),
  )
}

function changed(tree: Tree, { put, remove }: Request & { type: 'commit' }): Tree {
  const after = new Map(tree.entries.map((entry) => [entry.path, entry]))
  for (const path of remove) after.delete(path)
  for (const entry of put) after.set(entry.path, entry)
  return makeTree([...after.values()])
}

function merged(id: number, dones: readonly Done[]): Answer {
  return {
    type: 'done',
    id,
    hash: dones[0]!.hash,
    restarted: dones.flatMap(({ restarted }) => restarted),
    ended: dones.flatMap(({ ended }) => ended),
    milliseconds: {
      write: Math.max(...dones.map(({ milliseconds }) => milliseconds.write)),
      restart: Math.max(...dones.map(({ milliseconds }) => milliseconds.restart)),
    },
  }
}

function otherTree(id: number): Failed {
  const { code, message } = new TowError(
    'CONFLICT',
    'the workspaces are not what whoever sends to them takes them for; they are looked at again',
  )
  return { type: 'failed', id, code, message }
}
