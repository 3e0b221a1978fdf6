export {createFastPath, type FastPath} from './fast-path.ts'
