/** What a person may read when content is not there or not whole. */
import { TowError } from '../../../api/errors.ts'

const short = (digest: string) => digest.slice(0, 12)

export const refusals = {
  unknownTree: (hash: string) =>
    new TowError('NOT_FOUND', `the platform does not have the tree ${short(hash)}`, { hint: 'tow ship' }),
  incompleteTree: (hash: string) =>
    new TowError('CONFLICT', `some files of the tree ${short(hash)} have not arrived yet`, {
      hint: 'tow ship: it sends what is missing',
    }),
  otherSize: (path: string, announced: number, actual: number) =>
    new TowError('BAD_INPUT', `${path} was announced with ${announced} bytes and has ${actual}`),
  otherHash: (path: string, body: string) =>
    new TowError('BAD_INPUT', `the path names the tree ${short(path)} and the body the tree ${short(body)}`),
  notBlobs: (type: string) =>
    new TowError('BAD_INPUT', `blobs are not read from a body of type ${type || 'none'}`),
}
