"""Write scripts that reproduce the page's results with the library alone."""

from __future__ import annotations

from dmfa_demo.app.contents import TABS
from dmfa_demo.app.sharing.address import Address
from dmfa_demo.app.widgets.script import Script, join_scripts
from dmfa_demo.data.datasets import BUILT_IN
from dmfa_demo.data.mask_text import mask_text


def code_for(address: Address) -> str:
    """Return a script for the open tab of an address; it reads a visitor's picture from `image.png`.

    Raises:
        ValueError: If the tab has nothing to show for the data set.
    """
    scripts = [part.script(address.dataset, address.chosen) for part in TABS[address.tab]]
    known = [script for script in scripts if script is not None]
    needed = [_picture(address), _hole(address)] if any(script.of_picture for script in known) else []
    return join_scripts([*needed, *known])


def _picture(address: Address) -> Script:
    if address.sample is None:
        height, width = address.mask.shape
        read = 'torch.from_numpy(np.asarray(Image.open("image.png")) / np.float32(255))'
        line = f"images = {read}.view(1, {height}, {width}, -1).movedim(-1, 1)  # (1, C, H, W) in [0, 1]; the file is in the zip\n"
        return Script(("import numpy as np", "import torch", "from PIL import Image"), line)
    at = address.sample
    line = f'images = to_float(load_samples("{address.dataset}").images[{at}:{at + 1}])  # (1, C, H, W) in [0, 1]\n'
    imports = ("from dmfa_demo.data import load_samples, to_float",)
    if address.dataset in BUILT_IN:
        return Script(imports, line)
    # Only the page looks for data sets beside the checkpoints.
    more = ("from dmfa_demo.storage.checkpoints import ROOT", "from dmfa_demo.storage.own_data import find_described")
    return Script((*imports, *more), f"find_described(ROOT)  # needs DMFA_DEMO_CHECKPOINTS, as the page does\n{line}")


def _hole(address: Address) -> Script:
    height, width = address.mask.shape
    read = f'mask_from_text("{mask_text(address.mask)}", {height}, {width})'
    line = f"missing = {read}[None, None]  # (1, 1, {height}, {width}), True where a pixel is hidden\n"
    return Script(("from dmfa_demo.data.mask_text import mask_from_text",), line)
