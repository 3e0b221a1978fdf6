import {cliStart} from './console/cli-start.ts'
import {clients} from './console/clients.ts'
import {page} from './console/page.ts'
import {scrape} from './console/scrape.ts'
import {partsOf} from './parts.ts'

export const bench = partsOf('console', {start: cliStart, page, clients, scrape})
