// What changed of somebody's settings, as the mirror saw it: a part of a page that fills itself.
import { T } from './text.js';
import { ask, askPart } from './api.js';
import { el, section } from './dom.js';
import { CHANGE_COLUMNS, pagedRows } from './parts.js';

const OF_ONE = CHANGE_COLUMNS.filter((column) => column.key !== 'tenant' && column.key !== 'mailbox');

export function changesPart(user, signal) {
  const place = el('div', {}, el('p', { class: 'dim' }, T.loading));
  const query = (after) => ({ user, rows: 10, after });
  askPart('changes', query(), signal)
    .then((first) =>
      place.replaceChildren(
        pagedRows(
          T.mailbox.changes,
          OF_ONE,
          first,
          (after) => ask('changes', query(after), signal),
          T.mailbox.changesNone,
        ),
      ),
    )
    .catch(() => place.replaceChildren(el('p', { class: 'none' }, T.unknown)));
  return section(T.mailbox.changes, place);
}
