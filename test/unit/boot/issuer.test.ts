import { expect, it } from 'vitest'
import { ISSUER_DEFAULT, issuerOf } from '#boot/issuer.ts'
import { Problem } from '#kernel/problem.ts'

it.for([
  [ISSUER_DEFAULT, ISSUER_DEFAULT],
  ['https://auth.example.com', 'https://auth.example.com'],
  ['https://auth.example.com/', 'https://auth.example.com'],
  ['https://AUTH.example.com:443/a/', 'https://auth.example.com/a'],
  ['https://auth.example.com/A/b', 'https://auth.example.com/A/b'],
  ['http://localhost:1', 'http://localhost:1'],
  ['http://[::1]:7420', 'http://[::1]:7420'],
  ['http://127.9.9.9', 'http://127.9.9.9'],
] as const)('issuer %s is %s', ([given, issuer]) => {
  expect(issuerOf(given)).toBe(issuer)
  expect(issuerOf(issuer)).toBe(issuer)
})

it.for([
  ['', 'not an http or https URL'],
  ['auth.example.com', 'not an http or https URL'],
  ['ftp://auth.example.com', 'not an http or https URL'],
  ['https://u:p@auth.example.com', 'user or password'],
  ['https://auth.example.com/?', 'query or fragment'],
  ['https://auth.example.com/#', 'query or fragment'],
  ['http://auth.example.com', 'only loopback'],
  ['http://127.example.com', 'only loopback'],
  ['http://localhost.example.com', 'only loopback'],
  ['http://[::2]', 'only loopback'],
  ['http://0.0.0.0', 'only loopback'],
] as const)('issuer %j is refused: %s', ([given, why]) => {
  const issuer = () => issuerOf(given)
  expect(issuer).toThrow(Problem)
  expect(issuer).toThrow(why)
})
