// All attacks by their names in the API: how each is made, its options, and the least that it needs.
import { apgd, apgdRows } from './apgd.ts'
import { apgdT, apgdTRows } from './apgd-t.ts'
import { autoAttack, autoAttackRows } from './autoattack/autoattack.ts'
import { bandits, banditsRows } from './bandits.ts'
import { cwL2, cwL2Rows } from './cw-l2.ts'
import { cwLinf, cwLinfRows } from './cw-linf.ts'
import { fab, fabRows } from './fab.ts'
import { fgsm, fgsmRows, fgsmRs } from './fgsm.ts'
import { attackRow } from './frame/attack-row.ts'
import { free, freeRows } from './free.ts'
import { pgd, pgdRows } from './pgd.ts'
import { square, squareRows } from './square.ts'

const eps = 8 / 255

export const attackTable = {
  fgsm: attackRow(fgsm, fgsmRows, { eps }),
  fgsmRs: attackRow(fgsmRs, fgsmRows, { eps }),
  pgd: attackRow(pgd, pgdRows, { eps }),
  free: attackRow(free, freeRows, { eps }, false),
  cwLinf: attackRow(cwLinf, cwLinfRows, { eps }),
  cwL2: attackRow(cwL2, cwL2Rows, { eps: 0.5 }),
  apgd: attackRow(apgd, apgdRows, { eps }),
  apgdT: attackRow(apgdT, apgdTRows, { eps }),
  fab: attackRow(fab, fabRows, { eps }),
  square: attackRow(square, squareRows, { eps }),
  bandits: attackRow(bandits, banditsRows, { eps }),
  autoAttack: attackRow(autoAttack, autoAttackRows, { eps }, false),
} as const
