import { lookup as resolve, type LookupAddress, type LookupOptions } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'

/**
 * Addresses that are not the internet's: to let others choose what this machine speaks to there would
 * let them speak to what stands beside it (RFC 6890 and its registries).
 */
const notPublic = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  notPublic.addSubnet(network, prefix, 'ipv4')
}
for (const [network, prefix] of [
  ['::', 128],
  ['::1', 128],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001:db8::', 32],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  notPublic.addSubnet(network, prefix, 'ipv6')
}

/** Whether an IP address, in any of its spellings, is one that anybody may be sent to. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address)
  if (family === 0) return false
  if (family === 4) return !notPublic.check(address, 'ipv4')
  const embedded = embeddedIpv4(address)
  if (embedded !== undefined) return isPublicAddress(embedded)
  return !notPublic.check(address, 'ipv6')
}

/** IPv6 that stands for IPv4: mapped (::ffff:0:0/96), NAT64 (64:ff9b::/96) and 6to4 (2002::/16). */
function embeddedIpv4(address: string): string | undefined {
  const { hostname } = new URL(`http://[${address.split('%')[0] ?? ''}]`)
  const groups = groupsOf(hostname.slice(1, -1))
  const [first = 0, second = 0, third = 0] = groups
  const last = groups.slice(6)
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
  const isNat64 = first === 0x64 && second === 0xff9b && groups.slice(2, 6).every((g) => g === 0)
  if (isMapped || isNat64) return dotted(last[0] ?? 0, last[1] ?? 0)
  return first === 0x2002 ? dotted(second, third) : undefined
}

/** The eight groups of an address as a URL writes it. */
function groupsOf(address: string): number[] {
  const [head = '', tail] = address.split('::')
  const read = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
  const before = read(head)
  const after = tail === undefined ? [] : read(tail)
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after]
}

const dotted = (high: number, low: number): string =>
  [high >> 8, high & 255, low >> 8, low & 255].join('.')

/**
 * Resolves a name for a connection, and fails where any of its addresses is not public: it is looked
 * up once, so that what was checked is what is spoken to.
 */
export const lookupPublic: LookupFunction = (hostname, options, answer) => {
  const given: LookupOptions = { ...options, all: true }
  resolve(hostname, given, (failure, found) => {
    if (failure !== null) return answer(failure, '', 0)
    const addresses = found as unknown as readonly LookupAddress[]
    const [first] = addresses
    if (first === undefined || !addresses.every(({ address }) => isPublicAddress(address))) {
      return answer(Object.assign(new Error('a private address'), { code: 'EACCES' }), '', 0)
    }
    return options.all === true
      ? answer(null, [...addresses])
      : answer(null, first.address, first.family)
  })
}

/** Whether a URL may be fetched for a stranger, as far as can be told before its name is resolved. */
export function mayBePublic(url: string): boolean {
  const host = URL.parse(url)?.hostname.replace(/^\[|\]$/g, '') ?? ''
  return isIP(host) === 0 || isPublicAddress(host)
}
