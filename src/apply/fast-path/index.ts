export {createFastPath, type FastPath} from './fast-path.ts'
export {isOfJudgement} from './judge-maps.ts'
