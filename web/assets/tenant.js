// Of which tenant the pages tell: the one in the address, or all that somebody sees. It goes along with every link and question, so that
// an address that is sent to somebody tells of the same.
let mayChoose = false;

// Who sees only counts sees those of all tenants.
export function letChoose(may) {
  mayChoose = may;
}
export function chosenTenant() {
  return mayChoose ? new URLSearchParams(location.search).get('tenant') || null : null;
}
// The address of this page for another tenant; null: for all.
export function addressFor(tenant) {
  const query = new URLSearchParams(location.search);
  query.delete('tenant');
  if (tenant) query.set('tenant', tenant);
  return `${location.pathname}${query.size > 0 ? `?${query}` : ''}`;
}
