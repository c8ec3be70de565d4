"""One look for all formats: the colours."""

INK = "#1f2933"
#: For what is said in passing; 5.9:1 on white.
MUTED = "#5b6670"
ACCENT = "#0b5394"
HAIRLINE = "#d9dee3"
SOFT = "#f4f6f8"

#: Okabe and Ito's colours, which people who see few colours can still tell apart, without their yellow, too pale on
#: white. A chart of more series begins again.
SERIES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7f7f7f")
