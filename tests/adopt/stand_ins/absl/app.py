import sys

from absl.flags import FLAGS


def run(main):
    FLAGS.read()
    main(sys.argv)
