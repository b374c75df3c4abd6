// The three commands to begin with.
import { exampleLines } from './help.ts'
import { layOut } from './layout.ts'

/** Each runnable as it stands, one after the other, by what it does. */
export const firstSteps: Readonly<Record<string, string>> = {
  'does rst work here, and which data sets does it find?': 'rst doctor',
  'search a ticket in a network that is never trained; minutes on two cores':
    'rst search --dataset fashion-mnist --arch conv4 --width 0.5 --ratio 0.3 --attack fgsm-rs --epochs 1 --out first',
  'attack it on test images': 'rst eval first/ticket.safetensors',
}

/** What `rst` alone says. */
export function introduction(columns: number): string[] {
  return [
    'Robust scratch tickets: search, attack and serve them. Begin with:',
    ...exampleLines(firstSteps),
    'All commands: rst --help. The options of one: rst search --help.',
  ].flatMap(line => layOut([line], columns))
}
