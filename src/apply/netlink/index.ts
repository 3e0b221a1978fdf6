export {createNetlinkDriver, type NetlinkDriver, type NetlinkPart} from './driver.ts'
