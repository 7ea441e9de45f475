import { exitStatuses } from '#kernel/problem.ts'

export interface Topic {
  readonly summary: string
  readonly paragraphs: readonly string[]
  /** Names and what they are. */
  readonly terms: readonly (readonly [string, string])[]
}

/** What `credctl help <topic>` explains; the man pages quote from the same. */
export const topics = {
  environment: {
    summary: 'Environment variables',
    paragraphs: [
      'A flag wins over the environment, the environment over the context in use, and that over the default.',
    ],
    terms: [
      ['CREDCTL_SERVER', 'URL of the authority, as --server.'],
      ['CREDCTL_CONTEXT', 'Name of a context, as --context.'],
      ['CREDCTL_DATA_DIR', 'Folder of an authority on this machine, as --data-dir.'],
      [
        'CREDCTL_TOKEN',
        'Token for a remote authority. There is no flag for it: a command line can be read by others.',
      ],
      [
        'CREDCTL_ID_TOKEN, CREDCTL_ID_TOKEN_FILE',
        'Identity token of a CI job for --ci, or the file that holds it.',
      ],
      ['CREDCTL_OUTPUT', 'Output format, as --output.'],
      ['CREDCTL_CONFIG_DIR', 'Folder of the contexts.'],
      ['CREDCTL_NO_INPUT', 'Never ask, as --no-input.'],
      ['CREDCTL_DEBUG', 'Print the cause of an internal error, as --debug.'],
      ['HTTPS_PROXY', 'Proxy for a remote authority.'],
      [
        'NO_COLOR, FORCE_COLOR',
        'No colours, or colours although it is no terminal; FORCE_COLOR wins.',
      ],
    ],
  },
  'exit-codes': {
    summary: 'Exit statuses',
    paragraphs: [
      'A script can tell from the status alone what to do next. After 75 nobody knows whether a change was made: run it again under the same --idempotency-key, within 24 hours, and it is made once. A closed stdout, as in `credctl token list | head`, is no error. `credctl token exec` passes on the status of its child.',
    ],
    terms: Object.entries(exitStatuses),
  },
  output: {
    summary: 'Output formats, fields and streams',
    paragraphs: [
      'The result is on stdout; warnings, questions, progress and errors are on stderr. The default format is table, in a pipe too; -o or CREDCTL_OUTPUT chooses another.',
      'JSON is one object with fixed keys; a list is `{ "items": […], "nextCursor": … }`, one page of it (--limit, --cursor), and `null` at the end. jsonl, csv, name and the tables follow all pages. Times are `2026-11-23T19:08:00.000Z`.',
      'Under json, jsonl and yaml an error is one line of JSON on stderr (RFC 9457), and a warning is `{ "warning": … }`.',
      'An empty list says so on stderr and leaves stdout empty; in csv the headings stay. Cells that a spreadsheet would run begin with an apostrophe in csv. Control characters are shown as escapes everywhere but in JSON and YAML, which escape them themselves.',
    ],
    terms: [
      ['table', 'For people: relative times; on a terminal cut to its width, in a pipe never.'],
      ['wide', 'As table, with more columns and absolute times.'],
      ['json', 'One object; indented on a terminal, one line in a pipe.'],
      ['jsonl', 'One line of JSON for each item.'],
      ['yaml', 'As json.'],
      ['csv', 'All fields of each item, headings first (--no-headers leaves them out).'],
      ['name', 'Kind and id: credential/cred_….'],
      ['-q, --quiet', 'Ids only, one a line.'],
      ['--fields a,b.c', 'These fields only, in any format; in a table they are the columns.'],
      ['--sort-by FIELD[:desc]', 'Sort by a field; in json and yaml within the page.'],
    ],
  },
  selectors: {
    summary: 'What a revocation hits',
    paragraphs: [
      'Values of one dimension are alternatives, dimensions must all hold: `--client a --client b --scope deploy:*` hits tokens of a or b that have a scope under deploy. A token is hit whole if any of its scopes or audiences matches. An empty selector never means all; say --all.',
      'The canonical form, which a severe revocation asks to type, is the dimensions in the order below with their values sorted, joined by one space: `client:deploy-bot`, or `all`.',
    ],
    terms: [
      [
        '--token ID',
        'Tokens by their id, and all that derives from them; `-` reads the token from stdin.',
      ],
      ['--client ID', 'Tokens of a client.'],
      ['--subject SUBJECT', 'Tokens about a subject.'],
      ['--session ID', 'Tokens of a session.'],
      ['--scope SCOPE', 'Tokens with a scope; `deploy:*` is a pattern.'],
      ['--audience AUDIENCE', 'Tokens for an audience.'],
      ['--key ID', 'Tokens signed with a key; stands alone, and is final.'],
      ['--trust ID', 'Tokens exchanged under a trust.'],
      ['--tag KEY=VALUE', 'Tokens with a tag; resolved to a list of ids.'],
      ['--issued-after TIME, --issued-before TIME', 'Tokens issued in a window.'],
      ['--all', 'Every token there is.'],
      [
        '--from FILE',
        'Ids, one a line, up to a million; `-` is stdin. Blank lines and lines that begin with # do not count.',
      ],
      ['--except-token, --except-client, --except-subject', 'What is spared although it matches.'],
    ],
  },
  enforcement: {
    summary: 'When a revocation is enforced, and what proves it',
    paragraphs: [
      'A resource server that verifies with credctl/verifier follows the feed. Every signed head of the feed is a lease: it decides by the newest one it has for as long as its mode allows (strict 10 s, standard 30 s, relaxed 300 s, unless policy sets others) and then stops. So a revocation is in force everywhere after that time even if no message arrives; what verifiers say makes it certain sooner, mostly within a tenth of a second.',
      '`credctl revoke … --wait enforced` and `credctl revocation wait ID` wait for it: exit 0 with a certificate, or 7 with the names of who is missing, and by when it is certain all the same. `credctl revocation verify-certificate FILE` checks the certificate without a network; `credctl verifier list` shows who follows, and how closely.',
      'It covers the verifiers that follow the feed, and their decisions. A server that checks only signature and expiry, by the JWKS, goes on accepting until the token expires; work that was let in before goes on unless it listens for revocations; and the word of a server that lies is not looked through.',
    ],
    terms: [
      ['published', 'On record, and in the feed.'],
      [
        'enforced',
        'Every verifier that may have decided without it has said that it applies it, or its lease has run out; with grace, that is over too.',
      ],
      [
        'open',
        'An audience has no verifier that could say so: unproven until the last token concerned has expired.',
      ],
      ['lifted', 'It was undone, or as a suspension has ended.'],
      ['straggler', 'A verifier that has not said so yet.'],
      ['certain by', 'From then on it is enforced, whoever is silent.'],
    ],
  },
} as const satisfies Readonly<Record<string, Topic>>

export type TopicName = keyof typeof topics
export const isTopic = (name: string): name is TopicName => Object.hasOwn(topics, name)
