import { z } from 'zod'
import { PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX } from '#kernel/page.ts'

/** RFC 3339 in UTC with milliseconds, the one form in which times cross a wire. */
export const Time = z.iso
  .datetime({ precision: 3 })
  .meta({ examples: ['2026-11-23T19:08:00.000Z'] })
/** A time from a caller: any RFC 3339 form with an offset. */
export const TimeInput = z.iso.datetime({ offset: true })

/** RFC 6749 Appendix A.4: `scope-token`, at most 256 characters. */
export const ScopePattern = z
  .string()
  .max(256)
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'a scope holds printable ASCII without space, " and \\')
  .refine(
    (scope) => !scope.includes('*') || /^(?:[^*]+:)?\*$/.test(scope),
    'a `*` stands alone or for the last parts, as in `deploy:*`',
  )
export const Audience = z
  .string()
  .min(1)
  .max(512)
  .regex(/^[\x21-\x7e]+$/, 'an audience holds printable ASCII without spaces')
export const ClientId = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    'a client id holds 1 to 64 letters, digits, `.`, `_` and `-`, and begins with a letter or digit',
  )
export const Subject = z
  .string()
  .min(1)
  .max(256)
  .regex(/^[\x21-\x7e]+$/, 'a subject holds printable ASCII without spaces')
/** An identifier as a caller gives it: bounded, but an unknown one is "not found", not "invalid". */
export const Id = z.string().min(1).max(128)
export const Tags = z
  .record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/), z.string().max(256))
  .refine((tags) => Object.keys(tags).length <= 32, 'at most 32 tags')
export const Justification = z.string().min(1).max(1000)
export const SCOPES_MAX = 64
export const AUDIENCES_MAX = 32

export const NoParams = z.strictObject({})
export const NoQuery = z.strictObject({})
export const NoBody = z.strictObject({})
export const IdParams = z.strictObject({ id: Id })

export const PageQuery = {
  limit: z.coerce.number<number>().int().min(1).max(PAGE_SIZE_MAX).default(PAGE_SIZE_DEFAULT),
  cursor: z.string().max(512).optional(),
}
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable() })
