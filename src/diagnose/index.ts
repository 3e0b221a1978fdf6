/**
 * Collected facts → what is wrong, with its proof and what to do.
 *
 *     facts (files, handshakes, answers, as the edges saw them) ─► one function a check ─► CheckReport
 *                                                                                           ├─ evidence: what was seen
 *                                                                                           └─ findings: code, remedy
 *
 * Whoever asks collects the facts: the command line for `isthmus diagnose`, the daemon for what stays in status. The
 * judgement is here once, so that both say the same. A check judges what it was given and asks for nothing: no clock (the
 * time is a fact too), no file. Facts that are missing are facts: `unreachable`, an error's code. Codes are stable;
 * `detail` and `remedy` are for people and name the file, the address, the key.
 */

export {checkTlsFiles, judgeTlsFiles} from './certificates.ts'
export {type Check, THEMES, type Theme} from './check.ts'
export {CHECKS, neededModules} from './checks/index.ts'
export {compareExport, type ExportReport} from './compare-export.ts'
export {compareJudgement} from './compare-judgement.ts'
export {type AllowedWays, compareRoutes, type KernelRoute, type RouteReport} from './compare-routes.ts'
export {compareTable} from './compare-table.ts'
export {judgeDatastores} from './datastore.ts'
export {type Difference, differenceKey} from './difference.ts'
export * from './facts.ts'
export {chainsIn, tableOf, tablesIn} from './foreign-tables.ts'
export {judgeInsecure} from './insecure.ts'
export {judgementOf} from './judgement.ts'
export {addressesIn, devicesIn, linksIn, mtusIn, routesIn} from './kernel-json.ts'
export {causesOf, judgeFacts, relayFindings, withCauses} from './ladder.ts'
export {parseRuleset} from './listing.ts'
export {openToAll} from './open-file.ts'
export {judgePassword} from './password.ts'
export {judgePresented} from './presented.ts'
export {REDACTED, redact, SHORTEST_SECRET, spellings} from './redact.ts'
export {type CheckReport, formatReport, isTrouble, summaryOf} from './report.ts'
