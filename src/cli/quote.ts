/** A value as an error may show it: what is long, odd or shaped like a token is not repeated. */
export const quote = (value: string): string =>
  /^[\x21-\x7e ]{1,40}$/.test(value) && !/^eyJ|[\w-]{16,}\.[\w-]{16,}/.test(value)
    ? `\`${value}\``
    : 'the value'
