/** Bare listeners: each takes what comes on its own connection and looks for the end of the second event. */
import { get } from 'node:http'
import { parseArgs } from 'node:util'
import { nowMs } from './now.ts'

const { values } = parseArgs({ options: { url: { type: 'string' }, count: { type: 'string' } } })
const count = Number(values.count)
let open = 0
let seen = 0

/** Some at a time: a burst of thousands would be refused by the kernel's queue and not by the server. */
const AT_ONCE = 100

async function main(): Promise<void> {
  for (let begun = 0; begun < count; begun += AT_ONCE) {
    const some = Math.min(AT_ONCE, count - begun)
    await Promise.all(Array.from({ length: some }, () => listen()))
  }
  process.send?.({ kind: 'ready' })
}

const listen = (): Promise<void> =>
  new Promise((opened, fail) => {
    let text = ''
    get(`${values.url}/`, { agent: false }, (response) => {
      response.setEncoding('utf8').on('data', (chunk: string) => {
        if (text === '') {
          open += 1
          opened()
        }
        text += chunk
        if (!text.endsWith('h\n\n')) return
        text = ': open'
        seen += 1
        if (seen % count === 0) process.send?.({ kind: 'all', atMs: nowMs() })
      })
    }).on('error', fail)
  })

await main()
