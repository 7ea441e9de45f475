import type { CollectionBounds, Reading, Writing } from '#store/port.ts'
import { appendAudit, listAudit } from './audit.ts'
import {
  clientSecrets,
  deleteClient,
  endClientSecrets,
  findClient,
  insertClient,
  insertClientSecret,
  listClients,
  updateClient,
} from './clients.ts'
import { compactFeed, feedFloor, isCompactionDue } from './compaction.ts'
import type { Connection } from './connection.ts'
import { listCredentials, selectCredentials } from './credential-lists.ts'
import {
  countLiveByKey,
  derivedFromKeys,
  descendants,
  findCredential,
  insertCredentials,
  largestExpiry,
  longestLifetime,
} from './credentials.ts'
import {
  advanceFeedTime,
  appendFeed,
  clearDivergence,
  createAuthority,
  feedEntries,
  feedEntry,
  feedState,
  findAuthority,
  findDivergence,
  recordDivergence,
} from './feed.ts'
import {
  acknowledge,
  extendHeads,
  findIncarnation,
  forgetIncarnations,
  incarnations,
  leases,
  isIncarnationDue,
  upsertIncarnation,
  verifiedAudiences,
} from './incarnations.ts'
import { findKey, insertKey, listKeys, sealedKey, updateKey } from './keys.ts'
import { isPurgeDue, purgeCredentials } from './purge.ts'
import { findReply, forgetReplies, insertReply, isForgettingDue } from './replies.ts'
import {
  findRevocation,
  insertRevocation,
  listRevocations,
  revocationCandidates,
  revocationsDue,
  unenforcedRevocations,
  unliftedRevocations,
  updateRevocation,
} from './revocations.ts'
import {
  appendSelection,
  findSelection,
  forgetSelections,
  insertSelection,
  isSelectionDue,
  selectionTokens,
} from './selections.ts'
import {
  abandonStatusLists,
  dropStatusLists,
  findStatusList,
  insertStatusList,
  isDroppingDue,
  issueStatusLists,
  statusLists,
  statusListsIssuedUntil,
  takeStatusPlaces,
} from './status-lists.ts'
import {
  deleteTrust,
  findTrust,
  insertTrust,
  listTrusts,
  trustsOfIssuer,
  updateTrust,
} from './trusts.ts'
import type { Turn } from './turns.ts'
import { forgetUses, isForgettingUsesDue, isUsedOnce, useOnce } from './used-once.ts'
import {
  findVerifier,
  findVerifierByName,
  insertVerifier,
  listVerifiers,
  updateVerifier,
} from './verifiers.ts'

const isCollectionDue = (db: Connection, bounds: CollectionBounds): boolean =>
  isCompactionDue(db, bounds) ||
  isIncarnationDue(db, bounds.incarnationsSeenBefore) ||
  isSelectionDue(db, bounds.selectionsBegunBefore)

/** The port over one transaction. The functions are `async` so that what they throw is a rejection. */
export const readingOn = ({ use }: Turn): Reading => ({
  authority: async () => findAuthority(use()),
  feed: async () => feedState(use()),
  findClient: async (id) => findClient(use(), id),
  listClients: async (filter, page) => listClients(use(), filter, page),
  clientSecrets: async (clientId) => clientSecrets(use(), clientId),
  findCredential: async (id) => findCredential(use(), id),
  listCredentials: async (filter, page) => listCredentials(use(), filter, page),
  selectCredentials: async (selection) => selectCredentials(use(), selection),
  descendants: async (ids, expiringAfter) => descendants(use(), ids, expiringAfter),
  derivedFromKeys: async (keyIds, expiringAfter) => derivedFromKeys(use(), keyIds, expiringAfter),
  countLiveByKey: async (expiringAfter) => countLiveByKey(use(), expiringAfter),
  largestExpiry: async (keyId) => largestExpiry(use(), keyId),
  longestLifetime: async (expiringAfter, aboveSeconds) =>
    longestLifetime(use(), expiringAfter, aboveSeconds),
  findRevocation: async (id) => findRevocation(use(), id),
  listRevocations: async (filter, page) => listRevocations(use(), filter, page),
  unliftedRevocations: async () => unliftedRevocations(use()),
  revocationCandidates: async (values) => revocationCandidates(use(), values),
  revocationsDue: async (at) => revocationsDue(use(), at),
  findKey: async (id) => findKey(use(), id),
  listKeys: async (filter, page) => listKeys(use(), filter, page),
  sealedKey: async (id) => sealedKey(use(), id),
  listAudit: async (filter, page) => listAudit(use(), filter, page),
  feedEntries: async (after, limit) => feedEntries(use(), after, limit),
  feedEntry: async (at) => feedEntry(use(), at),
  feedFloor: async () => feedFloor(use()),
  isCollectionDue: async (bounds) => isCollectionDue(use(), bounds),
  divergence: async () => findDivergence(use()),
  findVerifier: async (id) => findVerifier(use(), id),
  findVerifierByName: async (name) => findVerifierByName(use(), name),
  listVerifiers: async (page) => listVerifiers(use(), page),
  findIncarnation: async (id) => findIncarnation(use(), id),
  incarnations: async (filter) => incarnations(use(), filter),
  leases: async (filter) => leases(use(), filter),
  verifiedAudiences: async () => verifiedAudiences(use()),
  unenforcedRevocations: async (limit) => unenforcedRevocations(use(), limit),
  findSelection: async (id) => findSelection(use(), id),
  selectionTokens: async (id, piece) => selectionTokens(use(), id, piece),
  isUsedOnce: async (hash) => isUsedOnce(use(), hash),
  findTrust: async (id) => findTrust(use(), id),
  listTrusts: async (filter, page) => listTrusts(use(), filter, page),
  trustsOfIssuer: async (issuer) => trustsOfIssuer(use(), issuer),
  findStatusList: async (id) => findStatusList(use(), id),
  statusLists: async () => statusLists(use()),
  statusListsIssuedUntil: async () => statusListsIssuedUntil(use()),
  isDroppingStatusListsDue: async (expiredBefore) => isDroppingDue(use(), expiredBefore),
  findReply: async (actor, key) => findReply(use(), actor, key),
  isForgettingDue: async (before) => isForgettingDue(use(), before),
  isForgettingUsesDue: async (before) => isForgettingUsesDue(use(), before),
  isPurgeDue: async (tier, expiredBefore) => isPurgeDue(use(), tier, expiredBefore),
})

export const writingOn = (turn: Turn): Writing => {
  const { use } = turn
  return {
    ...readingOn(turn),
    createAuthority: async (record) => createAuthority(use(), record),
    appendFeed: async (entry, timeMicros) => appendFeed(use(), entry, timeMicros),
    advanceFeedTime: async (clockMicros) => advanceFeedTime(use(), clockMicros),
    compactFeed: async (step) => compactFeed(use(), step),
    recordDivergence: async (divergence) => recordDivergence(use(), divergence),
    clearDivergence: async () => clearDivergence(use()),
    insertVerifier: async (verifier) => insertVerifier(use(), verifier),
    updateVerifier: async (verifier) => updateVerifier(use(), verifier),
    upsertIncarnation: async (incarnation) => upsertIncarnation(use(), incarnation),
    extendHeads: async (ids, headsUntilMicros) => extendHeads(use(), ids, headsUntilMicros),
    acknowledge: async (acknowledgements) => acknowledge(use(), acknowledgements),
    forgetIncarnations: async (lastSeenBefore, limit) =>
      forgetIncarnations(use(), lastSeenBefore, limit),
    insertSelection: async (selection) => insertSelection(use(), selection),
    appendSelection: async (id, offset, tokens) => appendSelection(use(), id, offset, tokens),
    forgetSelections: async (createdBefore, limit) => forgetSelections(use(), createdBefore, limit),
    insertTrust: async (trust) => insertTrust(use(), trust),
    updateTrust: async (trust) => updateTrust(use(), trust),
    deleteTrust: async (id) => deleteTrust(use(), id),
    insertClient: async (client) => insertClient(use(), client),
    updateClient: async (client) => updateClient(use(), client),
    deleteClient: async (id) => deleteClient(use(), id),
    insertClientSecret: async (secret) => insertClientSecret(use(), secret),
    endClientSecrets: async (clientId, when) => endClientSecrets(use(), clientId, when),
    useOnce: async (hash, until) => useOnce(use(), hash, until),
    forgetUses: async (before, limit) => forgetUses(use(), before, limit),
    takeStatusPlaces: async (count, expiresAt) => takeStatusPlaces(use(), count, expiresAt),
    insertStatusList: async (list) => insertStatusList(use(), list),
    abandonStatusLists: async (expiresAt) => void abandonStatusLists(use(), expiresAt),
    issueStatusLists: async (until) => issueStatusLists(use(), until),
    dropStatusLists: async (expiredBefore, limit) => dropStatusLists(use(), expiredBefore, limit),
    insertCredentials: async (credentials) => insertCredentials(use(), credentials),
    insertRevocation: async (revocation) => insertRevocation(use(), revocation),
    updateRevocation: async (revocation) => updateRevocation(use(), revocation),
    insertKey: async (key, sealed) => insertKey(use(), key, sealed),
    updateKey: async (key) => updateKey(use(), key),
    appendAudit: async (entry) => appendAudit(use(), entry),
    insertReply: async (reply, at) => insertReply(use(), reply, at),
    forgetReplies: async (before, limit) => forgetReplies(use(), before, limit),
    purgeCredentials: async (tier, expiredBefore, limit) =>
      purgeCredentials(use(), tier, expiredBefore, limit),
  }
}
