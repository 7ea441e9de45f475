import type { LookupAddress } from 'node:dns'
import { describe, expect, it } from 'vitest'
import { isPublicAddress, lookupPublic, mayBePublic } from '#boot/public-address.ts'

describe('an address', () => {
  it.for(['1.1.1.1', '172.15.0.1', '172.32.0.1', '2606:4700::1111', '::ffff:1.1.1.1'])(
    '%s is public',
    (address) => {
      expect(isPublicAddress(address)).toBe(true)
    },
  )

  it.for([
    '127.0.0.1',
    '127.255.0.9',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:a9fe:a9fe',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    'fe80::1',
    'fe80::1%eth0',
    'fd00::1',
    'ff02::1',
    'not an address',
    '',
  ])('%s is not', (address) => {
    expect(isPublicAddress(address)).toBe(false)
  })
})

describe('a URL', () => {
  it.for<[string, boolean]>([
    ['https://example.com/x', true],
    ['https://1.1.1.1/', true],
    ['https://127.0.0.1/', false],
    ['https://2130706433/', false],
    ['https://0x7f.1/', false],
    ['https://[::1]:8443/', false],
    ['https://[::ffff:10.0.0.1]/', false],
  ])('%s may be fetched for a stranger: %s', ([url, may]) => {
    expect(mayBePublic(url)).toBe(may)
  })
})

describe('a lookup for a connection', () => {
  const looked = (name: string, all: boolean) =>
    new Promise<string | readonly LookupAddress[]>((found, fail) =>
      lookupPublic(name, { all }, (failure, address) =>
        failure === null ? found(address) : fail(failure),
      ),
    )

  it.for([true, false])('fails where a name leads home (all: %s)', async (all) => {
    await expect(looked('localhost', all)).rejects.toThrow(/private/)
  })
})
