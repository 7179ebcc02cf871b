"""The pages, in the order of the navigation; each is imported when it is first shown."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from components.pages.base import Page


@dataclass(frozen=True)
class PageEntry:
    """A page before it is imported: key in the address, label, icon, module and class."""

    key: str
    label: str
    icon: str
    module: str
    class_name: str

    def load(self) -> type[Page]:
        """Import the page's class."""
        page: type[Page] = getattr(import_module(self.module), self.class_name)
        return page


PAGES = (
    PageEntry("data", "Data", "folder_open", "components.pages.data", "DataPage"),
    PageEntry("header", "Header", "image_search", "components.pages.header", "HeaderPage"),
    PageEntry("range", "Data range", "contrast", "components.pages.data_range", "DataRangePage"),
    PageEntry("sift", "SIFT", "scatter_plot", "components.pages.sift", "SiftPage"),
    PageEntry(
        "registration",
        "Registration",
        "route",
        "components.pages.registration",
        "RegistrationPage",
    ),
    PageEntry("quality", "Quality", "insights", "components.pages.quality", "QualityPage"),
    PageEntry("stack", "Stack", "layers", "components.pages.stack", "StackPage"),
)
"""Pages of the navigation."""
