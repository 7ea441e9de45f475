import { promisify } from 'node:util'
import { constants, deflate as zlibDeflate, gzip as zlibGzip } from 'node:zlib'

const deflated = promisify(zlibDeflate)
const gzipped = promisify(zlibGzip)

/** As RFC 1950 has it, as small as it gets: it is done once and read many times. */
export const deflate = (bytes: Uint8Array): Promise<Uint8Array> =>
  deflated(bytes, { level: constants.Z_BEST_COMPRESSION })

export const gzip = (text: string): Promise<Uint8Array> => gzipped(text)
