import { defineCommand } from '#cli/command.ts'
import { file, text, toggle } from '#cli/flags.ts'
import type { Serving } from '#cli/kit.ts'
import { record, shape } from '#cli/view.ts'

const servingShape = shape<Serving>({
  kind: 'server',
  id: ({ url }) => url,
  columns: [
    { key: 'url', keep: true },
    { key: 'issuer', keep: true },
    { key: 'pid', kind: 'number' },
  ],
})

/** `credctl serve`: the authority over HTTP, until it is told to stop. */
export const serve = defineCommand({
  path: ['serve'],
  summary: 'Serve the authority over HTTP',
  description: [
    'Prints one line when it is ready, then serves until SIGTERM or Ctrl-C: it takes no more requests, answers those under way and ends with status 0. /livez and /readyz tell how it is.',
    'It listens on the issuer’s port unless told otherwise; port 0 takes a free one. Any address but loopback needs TLS, or --behind-proxy where a proxy in front of it ends TLS.',
    'It watches its clock: where somebody sets it while verifiers listen, nothing is signed any more, /readyz says clock-stepped, and the next start must confirm the clock. So it is too where the database is more than 2 s ahead of the clock (clock-behind): confirmed, its time runs on from there.',
    'Commands of the same user on this machine find it by its socket in the data folder and go through it as the local administrator.',
  ],
  args: {},
  flags: {
    listen: text('Where to listen', { placeholder: 'HOST:PORT' }),
    tlsCert: file('Certificate chain, PEM'),
    tlsKey: file('Private key of the certificate, PEM'),
    behindProxy: toggle('A proxy in front ends TLS; its X-Forwarded-For is believed'),
    confirmClock: toggle('The clock is right now, after it was seen being set'),
  },
  examples: [
    { run: 'credctl serve', about: 'On the issuer’s port of this machine' },
    { run: 'credctl serve --listen 127.0.0.1:0 -o json', about: 'On a free port, said as JSON' },
    {
      run: 'credctl serve --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem',
      about: 'For a network',
    },
  ],
  output: [servingShape],
  exits: {
    2: 'the address is not loopback, and neither TLS nor --behind-proxy is given',
    8: 'this authority is served already, or the address is taken',
  },
  seeAlso: ['init'],

  async run(kit, { listen, tlsCert, tlsKey, behindProxy, confirmClock }) {
    const local = await kit.local()
    await local.serve({ listen, tlsCert, tlsKey, behindProxy, confirmClock }, (ready) =>
      kit.show(
        record(servingShape, ready, {
          text: `credctl serves ${ready.issuer} at ${ready.url} (pid ${ready.pid})`,
        }),
      ),
    )
    return {}
  },
})
