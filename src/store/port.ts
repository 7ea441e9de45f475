import type { AuditEntry } from '#domain/audit/entry.ts'
import type { Client, ClientSecret, ClientState, Tier } from '#domain/client/client.ts'
import type { Credential } from '#domain/credential/credential.ts'
import type { FeedEntry, FeedState } from '#domain/feed/entry.ts'
import type { Key, KeyPurpose, KeyState } from '#domain/keys/key.ts'
import type { Exceptions, Reason, Revocation, Selector } from '#domain/revocation/revocation.ts'
import type { CandidateValues } from '#domain/revocation/rule-index.ts'
import type { Position } from '#domain/feed/position.ts'
import type { VerifierMode } from '#domain/feed/head.ts'
import type { StatusList } from '#domain/status-list/status-list.ts'
import type { Trust } from '#domain/trust/trust.ts'
import type { Incarnation, Lease } from '#domain/proof/proof.ts'
import type { Instant } from '#kernel/instant.ts'
import type { Page, PageRequest } from '#kernel/page.ts'

/**
 * What the use cases need from a database. Asynchronous and transactional, so that one process on
 * SQLite and many nodes on PostgreSQL stand behind the same lines; every implementation passes the
 * one contract suite. Nothing outside this room knows SQL.
 *
 * Refusals: `store-busy`, `store-full`, `store-denied`, `store-corrupt`. Unique keys are checked by
 * the use cases first; a violation that still happens is a fault, not a refusal.
 */
export interface Store {
  /** Reads one consistent snapshot of what is committed. */
  read<T>(work: (tx: Reading) => Promise<T>): Promise<T>
  /**
   * Runs one serialised transaction. It commits durably when `work` resolves and rolls back when it
   * rejects; writers take turns, also over processes. `work` must await nothing but `tx`.
   */
  write<T>(work: (tx: Writing) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** What `init` fixed for good. */
export interface AuthorityRecord {
  readonly issuer: string
  readonly createdAt: Instant
}

export interface Reading {
  authority(): Promise<AuthorityRecord | undefined>
  feed(): Promise<FeedState>

  findClient(id: string): Promise<Client | undefined>
  /** By id, ascending. */
  listClients(filter: ClientFilter, page: PageRequest): Promise<Page<Client>>
  clientSecrets(clientId: string): Promise<readonly ClientSecret[]>

  findCredential(id: string): Promise<Credential | undefined>
  /** By id, the newest first. */
  listCredentials(filter: CredentialFilter, page: PageRequest): Promise<Page<Credential>>
  /**
   * The unexpired credentials that a selector matches and its exceptions do not spare, by id, the
   * oldest first: the next `limit` of them after `afterId`. Descendants are not followed.
   */
  selectCredentials(selection: CredentialSelection): Promise<readonly Credential[]>
  /** The unexpired credentials that derive, over any number of steps, from any of these. */
  descendants(ids: readonly string[], expiringAfter: Instant): Promise<readonly Credential[]>
  /**
   * The unexpired credentials that derive, over any number of steps, from any that one of these keys has
   * signed, and that none of them has; by id.
   */
  derivedFromKeys(keyIds: readonly string[], expiringAfter: Instant): Promise<readonly string[]>
  countLiveByKey(expiringAfter: Instant): Promise<ReadonlyMap<string, number>>
  /** The latest expiry of any credential, of one key's where given. */
  largestExpiry(keyId?: string): Promise<Instant | undefined>
  /**
   * Of the unexpired credentials that live longer than `aboveSeconds`: the longest lifetime, and the
   * latest expiry. It reads every unexpired one; ask seldom.
   */
  longestLifetime(
    expiringAfter: Instant,
    aboveSeconds: number,
  ): Promise<LongestLifetime | undefined>

  findRevocation(id: string): Promise<Revocation | undefined>
  /** By position, the newest first. */
  listRevocations(filter: RevocationFilter, page: PageRequest): Promise<Page<Revocation>>
  /** Every revocation that is not lifted, by position, ascending. */
  unliftedRevocations(): Promise<readonly Revocation[]>
  /**
   * The unlifted revocations that may match: those whose resolved selector is `all` or names, in
   * at least one of its dimensions, one of these values. A superset; the verdict decides.
   */
  revocationCandidates(values: CandidateValues): Promise<readonly Revocation[]>
  /** Unlifted revocations whose `expiresAt` is at or before `at` and that are still in force. */
  revocationsDue(at: Instant): Promise<readonly Revocation[]>

  findKey(id: string): Promise<Key | undefined>
  /** The newest first. */
  listKeys(filter: KeyFilter, page: PageRequest): Promise<Page<Key>>
  /** The sealed private half; only the signer can open it. */
  sealedKey(id: string): Promise<Uint8Array | undefined>

  /** The newest first. */
  listAudit(filter: AuditFilter, page: PageRequest): Promise<Page<AuditEntry>>
  /** In order, those after `after`. */
  feedEntries(after: number, limit: number): Promise<readonly FeedEntry[]>
  /** `undefined` also below the floor, where it may have been removed. */
  feedEntry(at: Position): Promise<FeedEntry | undefined>
  /** The entry there and all after it are kept; below are only those that were in force before it. */
  feedFloor(): Promise<Position>
  /** Whether `compactFeed`, `forgetIncarnations` or `forgetSelections` would find work. */
  isCollectionDue(bounds: CollectionBounds): Promise<boolean>
  /** What somebody who followed the feed has seen of it and this database never had. */
  divergence(): Promise<Divergence | undefined>

  findVerifier(id: string): Promise<VerifierRecord | undefined>
  /** The one that has the name now; a removed one has given it up. */
  findVerifierByName(name: string): Promise<VerifierRecord | undefined>
  /** By id, ascending; removed ones too. */
  listVerifiers(page: PageRequest): Promise<Page<VerifierRecord>>
  findIncarnation(id: string): Promise<Incarnation | undefined>
  /**
   * Those that may be given heads, or hold a lease by one, after `afterMicros` (`headsUntilMicros` +
   * limit is later, and they have not released it before), by id, ascending; all of them without it.
   */
  incarnations(filter: IncarnationFilter): Promise<readonly Incarnation[]>
  /** What the leases of these are, each that differs once, in no order. */
  leases(filter: IncarnationFilter): Promise<readonly Lease[]>
  /** Every audience that any incarnation on record, released or not, follows the feed for; sorted. */
  verifiedAudiences(): Promise<readonly string[]>
  /**
   * Unlifted revocations whose enforcement is not on record yet, by position, the oldest first. Those
   * without a coverage are left out: nobody knows whom they concern, so they would stay for ever.
   */
  unenforcedRevocations(limit: number): Promise<readonly Revocation[]>

  findSelection(id: string): Promise<SelectionRecord | undefined>
  /** Its tokens, in the order in which they were given: all, or as many from a place on. */
  selectionTokens(
    id: string,
    piece?: { readonly from: number; readonly limit: number },
  ): Promise<readonly string[]>

  findTrust(id: string): Promise<Trust | undefined>
  /** By id, ascending. */
  listTrusts(filter: TrustFilter, page: PageRequest): Promise<Page<Trust>>
  /** Every trust in an issuer's identity tokens, by id. */
  trustsOfIssuer(issuer: string): Promise<readonly Trust[]>

  findStatusList(id: string): Promise<StatusList | undefined>
  /** In the order in which they were opened. */
  statusLists(): Promise<readonly StatusList[]>
  /** Until when any status list that was given out may be used; the beginning of time before the first. */
  statusListsIssuedUntil(): Promise<Instant>
  /** Whether `dropStatusLists` would find work. */
  isDroppingStatusListsDue(expiredBefore: Instant): Promise<boolean>

  findReply(actor: string, key: string): Promise<StoredReply | undefined>
  /** Whether `forgetReplies` would find work. */
  isForgettingDue(before: Instant): Promise<boolean>
  isUsedOnce(hash: Uint8Array): Promise<boolean>
  /** Whether `forgetUses` would find work. */
  isForgettingUsesDue(before: Instant): Promise<boolean>
  /** Whether `purgeCredentials` would find work; cheap enough to ask after every command. */
  isPurgeDue(tier: Tier, expiredBefore: Instant): Promise<boolean>
}

export interface Writing extends Reading {
  createAuthority(record: AuthorityRecord): Promise<void>
  /**
   * Appends one entry and moves the feed to it. Its position must be the successor of the feed's
   * and its time later; anything else is a fault, and stops the transaction.
   */
  appendFeed(entry: FeedEntry, timeMicros: number): Promise<void>
  /**
   * Moves the feed's time on without an entry, to the clock's or one microsecond beyond its own,
   * whichever is later, and answers the feed as it stands then: what a signed head says.
   */
  advanceFeedTime(clockMicros: number): Promise<FeedState>

  /**
   * Raises the floor, which never falls nor passes the feed's position, and removes entries below it
   * that were over before it: revocations that are lifted, or whose `until` was before
   * `endedBeforeSeconds`, with their `unblock` and `lift`; keys that a later entry replaces, but for
   * those of purpose `feed`; epochs. At most `limit` at a time, of each revocation in order, so that
   * wherever it stops the rest, replayed to any position from the floor on, gives what all would.
   * Says how many went.
   */
  compactFeed(step: CompactionStep): Promise<number>
  /** Keeps the first that was seen, until `clearDivergence`. */
  recordDivergence(divergence: Divergence): Promise<void>
  clearDivergence(): Promise<void>

  insertVerifier(verifier: VerifierRecord): Promise<void>
  updateVerifier(verifier: VerifierRecord): Promise<void>
  /**
   * Inserts, or puts in the place of the one with its id. What was promised stays: an acknowledgement,
   * and the later `headsUntilMicros` and the longer limit of the two.
   */
  upsertIncarnation(incarnation: Incarnation): Promise<void>
  /** Of those named, to this instant unless theirs is later. */
  extendHeads(ids: readonly string[], headsUntilMicros: number): Promise<void>
  /**
   * Takes acknowledgements; one of a lower position than is on record, or at the same of an earlier
   * head, changes nothing. Of the first at a position the instant stays. An incarnation that is not
   * on record is passed over.
   */
  acknowledge(acknowledgements: readonly StoredAcknowledgement[]): Promise<void>
  /** Forgets those last seen before, whose lease had ended before as well; says how many. */
  forgetIncarnations(lastSeenBefore: Instant, limit: number): Promise<number>

  insertSelection(selection: SelectionRecord): Promise<void>
  /**
   * Adds tokens at `offset`, which is no more than are there; those that are there already at their
   * places are left.
   */
  appendSelection(id: string, offset: number, tokens: readonly string[]): Promise<void>
  /**
   * Forgets selections begun before: at once they are found no more, and of their rows at most
   * `limit` are removed. Says how many.
   */
  forgetSelections(createdBefore: Instant, limit: number): Promise<number>

  insertTrust(trust: Trust): Promise<void>
  updateTrust(trust: Trust): Promise<void>
  deleteTrust(id: string): Promise<void>

  insertClient(client: Client): Promise<void>
  updateClient(client: Client): Promise<void>
  deleteClient(id: string): Promise<void>
  insertClientSecret(secret: ClientSecret): Promise<void>
  /** The secrets of a client that would last longer end `at`; those that have ended by `now` go. */
  endClientSecrets(
    clientId: string,
    when: { readonly at: Instant; readonly now: Instant },
  ): Promise<void>
  /**
   * Marks something as used, until it would not be taken any more anyway; whether this was its first
   * use. It is known by a hash of whose and which it is (`domain/oauth/once.ts`).
   */
  useOnce(hash: Uint8Array, until: Instant): Promise<boolean>
  /** Forgets at most `limit` uses whose time was before; says how many. */
  forgetUses(before: Instant, limit: number): Promise<number>
  /**
   * Takes the next places of the newest status list, at most `count`, for what expires then; `undefined`
   * where it is full or abandoned, or there is none. No number of a list is ever given twice.
   */
  takeStatusPlaces(count: number, expiresAt: Instant): Promise<TakenPlaces | undefined>
  insertStatusList(list: StatusList): Promise<void>
  /** Closes every list for good, and has each be served until then at least. */
  abandonStatusLists(expiresAt: Instant): Promise<void>
  /** Commits that lists may be used until then, before they are given out. */
  issueStatusLists(until: Instant): Promise<void>
  /** Drops at most `limit` lists that are closed and expired before then; says how many. */
  dropStatusLists(expiredBefore: Instant, limit: number): Promise<number>
  insertCredentials(credentials: readonly Credential[]): Promise<void>
  insertRevocation(revocation: Revocation): Promise<void>
  updateRevocation(revocation: Revocation): Promise<void>
  insertKey(key: Key, sealed: Uint8Array): Promise<void>
  updateKey(key: Key): Promise<void>
  /** Append only; the database itself refuses to change or remove an entry. */
  appendAudit(entry: AuditEntry): Promise<void>

  insertReply(reply: StoredReply, at: Instant): Promise<void>
  /** Forgets at most `limit` replies that are older; says how many. */
  forgetReplies(before: Instant, limit: number): Promise<number>
  /**
   * Removes credentials of a tier that expired before then, looking at no more than `limit` rows, in
   * the order in which they were issued. It stops at the first that must stay, so one that outlives
   * its elders keeps the younger ones a little longer.
   */
  purgeCredentials(tier: Tier, expiredBefore: Instant, limit: number): Promise<PurgeStep>
}

/** What a resource server follows the feed with. */
export interface VerifierRecord {
  /** `ver_…`. */
  readonly id: string
  readonly name: string
  /** Empty: any. */
  readonly audiences: readonly string[]
  readonly mode: VerifierMode
  /** Of the secret half of its credential: a keyed hash. */
  readonly secretHash: Uint8Array
  readonly createdAt: Instant
  readonly removedAt?: Instant
}

/** The places of a status list by their numbers: `first` and the `count` from there on. */
export interface TakenPlaces extends Pick<StatusList, 'size' | 'seed'> {
  readonly list: string
  readonly first: number
  readonly count: number
}

export interface LongestLifetime {
  readonly seconds: number
  readonly expiresAt: Instant
}

export interface IncarnationFilter {
  readonly leaseAfterMicros?: number
  readonly verifierId?: string
}

export interface StoredAcknowledgement {
  readonly incarnation: string
  readonly position: Position
  readonly chain: string
  readonly digest: string
  readonly headMicros: number
  readonly atMicros: number
  readonly released: boolean
}

/** An exact list on its way in; forgotten a day after it was begun. */
export interface SelectionRecord {
  /** `sel_…`. */
  readonly id: string
  readonly actor: string
  readonly createdAt: Instant
  /** How many tokens it holds. */
  readonly tokens: number
}

export interface CollectionBounds {
  readonly floor: Position
  readonly endedBeforeSeconds: number
  readonly incarnationsSeenBefore: Instant
  readonly selectionsBegunBefore: Instant
}

/** A place in the feed that this database denies: an older one was put in its place. */
export interface Divergence {
  /** Ahead of the feed as it was then, or a place where its chain was another. */
  readonly position: Position
  /** base64url. */
  readonly chain: string
  /** Who has seen it, for people. */
  readonly seenBy: string
  readonly at: Instant
}

export interface CompactionStep {
  readonly floor: Position
  readonly endedBeforeSeconds: number
  readonly limit: number
}

/** What was answered to a request that may be sent again (see `app/idempotency.ts`). */
export interface StoredReply {
  readonly actor: string
  readonly key: string
  /** Of the request; another request under the same key is refused. */
  readonly fingerprint: string
  /** As JSON has it. */
  readonly result: unknown
}

export interface PurgeStep {
  readonly removed: number
  /** Nothing more to do until something else is old enough. */
  readonly isDone: boolean
}

export interface TrustFilter {
  readonly clientId?: string
}

export interface ClientFilter {
  readonly tier?: Tier
  readonly state?: ClientState
}

export interface CredentialFilter {
  readonly clientId?: string
  readonly subject?: string
  /** A scope, or a pattern such as `deploy:*`. */
  readonly scope?: string
  readonly audience?: string
  readonly sessionId?: string
  readonly keyId?: string
  readonly createdBy?: string
  readonly tag?: { readonly key: string; readonly value: string }
  readonly issuedAfter?: Instant
  readonly issuedBefore?: Instant
  readonly expiresBefore?: Instant
  /** Expires later than this. */
  readonly expiresAfter?: Instant
}

export interface CredentialSelection {
  readonly selector: Selector
  readonly exceptions: Exceptions
  readonly reach: 'sessions' | 'tokens'
  readonly expiringAfter: Instant
  readonly afterId?: string
  readonly limit: number
}

export interface RevocationFilter {
  readonly lifted?: boolean
  readonly reason?: Reason
  readonly actor?: string
}

export interface KeyFilter {
  readonly purpose?: KeyPurpose
  readonly states?: readonly KeyState[]
}

export interface AuditFilter {
  readonly actor?: string
  readonly action?: string
  readonly target?: string
  readonly outcome?: string
  readonly requestId?: string
  readonly after?: Instant
  readonly before?: Instant
}
