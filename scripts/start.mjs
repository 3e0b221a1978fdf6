// `npm start` and `npm run lab`: install what is missing, build, run the lab. Arguments go to the lab.
import {requireNode} from './node-version.mjs'

requireNode()
const {startLab} = await import('./lab.mjs')
await startLab(process.argv.slice(2))
