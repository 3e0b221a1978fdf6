import type {Finding} from '../model/index.ts'
import type {RouterState} from '../observe/index.ts'

/** What BIRD's sessions show that somebody must look at: a neighbour that says more than it may. */
export function sessionFindings(router: RouterState | null): Finding[] {
  return (router?.sessions ?? []).flatMap(({name, neighbor, limitHit}): Finding[] =>
    limitHit === null
      ? []
      : [
          {
            code: 'peer-over-limit',
            severity: 'error',
            where: {source: 'bird', key: name},
            detail: `${neighbor} announces more than the ${limitHit.limit} prefixes that may be ${limitHit.of}: ${WHAT[limitHit.action] ?? limitHit.action}`,
            remedy: 'mend the announcement there, narrow `import`, or raise `maxPrefixes.limit`',
          },
        ],
  )
}

const WHAT: Readonly<Record<string, string>> = {
  warn: 'all are taken',
  block: 'what came later is not taken',
  restart: 'the session is ended and tried again',
  disable: 'the session is ended until BIRD’s configuration changes',
}
