// `npm test`: install what is missing, then all checks. Arguments name single stages: `npm test -- types mocha`.
// `npm run test:long` (`--long`): every scenario that is not part of `npm test`.
import {requireNode} from './node-version.mjs'

requireNode()
const {runStages} = await import('./stages.mjs')
await runStages(process.argv.slice(2))
