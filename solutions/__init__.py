"""The reference library: one hand-written copy of everything that the course teaches.

Read a chapter's files in the order that its `__init__` names them. A chapter imports only earlier
chapters. The workbook in chapters/ is this tree with the answers taken out. `argument_errors` names
the argument with which a call failed.
"""

from .import_hook import install

install(__name__)
