// Lets the keyboard scroll what is wider than the page: code and tables of a text.

function update() {
  for (const box of document.querySelectorAll(".prose pre, .prose table")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}

addEventListener("resize", update);
update();
