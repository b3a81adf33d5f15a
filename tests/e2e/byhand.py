# SPDX-License-Identifier: Apache-2.0
"""The plugin in a chain by hand, and the record of it that an uninstall goes by (dataplane/installer/record.h)."""
import json
import shutil

import kit


def put(net_d, name, bin_dir, record, entry, seen_as=None):
    """Our entry at the end of <net_d>/<name>, our plugin in bin_dir; seen_as: the two folders as the node has them."""
    conf_dir, node_bin = seen_as or (net_d, bin_dir)
    shutil.copy(f"{kit.BUILD}/nametap", f"{bin_dir}/nametap")
    with open(record, "w") as f:
        json.dump({"version": 1, "confDir": conf_dir, "binDir": node_bin, "entry": entry, "files": [
            {"kind": "entry", "path": f"{conf_dir}/{name}"}, {"kind": "binary", "path": f"{node_bin}/nametap"}]}, f)
    with open(f"{net_d}/{name}") as f:
        text = f.read()
    at = text.rindex("}", 0, text.rindex("]")) + 1
    with open(f"{net_d}/{name}", "w") as f:
        f.write(f"{text[:at]},\n{json.dumps(entry)}{text[at:]}")
