import {chosenTheme, showTheme} from './chosen-theme.ts'

// A script of its own, which the page waits for: nothing is painted in the other theme first.
showTheme(chosenTheme())
