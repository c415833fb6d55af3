// Sorts the table by the column whose heading is clicked, in reverse on a second click; empty cells stay last.
element.addEventListener('click', (event) => {
  const heading = event.target.closest('.figures th button')?.closest('th');
  if (!heading) return;
  const ascending = heading.getAttribute('aria-sort') !== 'ascending';
  const column = heading.cellIndex;
  const table = heading.closest('table');
  for (const other of table.querySelectorAll('th[aria-sort]')) other.removeAttribute('aria-sort');
  heading.setAttribute('aria-sort', ascending ? 'ascending' : 'descending');
  const key = (row) => row.cells[column].dataset.value;
  const compare = (a, b) => (column ? Number(a) - Number(b) : a.localeCompare(b));
  const rows = [...table.tBodies[0].rows].sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    if (!x || !y) return Number(!x) - Number(!y);
    return ascending ? compare(x, y) : compare(y, x);
  });
  table.tBodies[0].append(...rows);
});

// Shows a note while columns are cut off, until the last one is visible.
function hint() {
  const box = element.querySelector('.scroll');
  if (box) box.parentElement.classList.toggle('cut', box.scrollWidth - box.clientWidth - box.scrollLeft > 4);
}
element.addEventListener('scroll', hint, true);
new ResizeObserver(hint).observe(element);
watch('value', hint);
requestAnimationFrame(hint);
